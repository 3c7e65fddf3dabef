"""Scores of every test image in one table, so that networks and codecs stand under each other.

It joins the tables test and codecs: one row per image and decoded version of it. `codec` is an
architecture or a classical codec; candidate and seed are missing for the latter. Their scores are
there once, although every promotion on the same images has them.
"""

from functools import partial
from pathlib import Path

import pandas as pd

from analysis.exports.own_files import write_own
from analysis.exports.shapes import Export
from analysis.frames import Frames
from analysis.kinds import split_by_kind
from analysis.rates.selection import best_candidates, distinct_codecs

FILE = "images.csv"

_FIRST = (
    "codec",
    "study",
    "candidate",
    "seed",
    "is_best",
    "ratio",
    "image",
    "rate_bpp",
    "psnr_db",
    "ssim",
    "ms_ssim",
)
"""Columns that come first, for readers; the others keep the order of their tables."""


def export_images(frames: Frames) -> Export:
    """Return the scores of all test images, to be written as one CSV file."""
    table = compute_images(frames)

    def write(out: Path) -> str:
        write_own(out, {FILE: {FILE: partial(table.to_csv, index=False)}}, adopts=True)
        return f"{len(table)} rows in {out / FILE}"

    return Export(len(table), "test scores of a promotion", write)


def compute_images(frames: Frames) -> pd.DataFrame:
    """Return one row per test image and decoded version of it.

    The columns are those of the tables test and codecs, `arch` in the place of `codec`, and
    `is_best`: whether the row is of the candidate that curves show, or of a classical codec.
    """
    networks = frames.test.rename(columns={"arch": "codec"}).assign(is_best=_is_best(frames))
    codecs = distinct_codecs(frames.codecs).assign(is_best=True)
    both = pd.concat(
        [networks.astype({"seed": "Int64", "base_channels": "Int32"}), codecs], ignore_index=True
    )
    others = [name for name in both.columns if name not in _FIRST]
    return both[[*_FIRST, *others]]


def _is_best(frames: Frames) -> "pd.Series[bool]":
    keys = ["study", "candidate"]
    parts = [best_candidates(part)[0] for part in split_by_kind(frames).values()]
    best = pd.MultiIndex.from_frame(pd.concat(parts))
    rows = pd.MultiIndex.from_frame(frames.test[keys])
    return pd.Series(rows.isin(best), index=frames.test.index)
