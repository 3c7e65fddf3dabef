"""Classical codecs and the linear lines on the test images: what a promoted run is read against.

They depend on the corpus and the crop alone, so they are computed once: a promotion on the same
images copies the rows of an earlier one, known by the corpus's fingerprint.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from data.dataset import Corpus
from models.coding.classical import CodedImage, encode_jpeg2000, to_8_bit
from models.coding.heif_codecs import encode_avif, encode_hevc_intra
from models.coding.linear import supports_down_up
from models.coding.linear_transforms import DownUpTransform, KltTransform
from models.coding.quantiser_steps import Transform
from models.shapes import RATIOS, nominal_channels
from tune.config.machine import available_cores
from tune.evaluation.coding import decode_from_bytes, decode_unquantised, fit_coders
from tune.evaluation.images import ImageSet
from tune.evaluation.references import fit_klt
from tune.evaluation.scores import DecodedSet, image_facts, score_rows
from tune.tables.files import read_readable_tables

Encode = Callable[[NDArray[np.uint8], int], CodedImage | None]
RunAll = Callable[..., Iterable[CodedImage | None]]

MIN_POOL_IMAGES = 16
"""Images below which starting processes takes longer than they save."""

CLASSICAL: Mapping[str, Encode] = {
    "jpeg2000": encode_jpeg2000,
    "hevc_intra": encode_hevc_intra,
    "avif": encode_avif,
}


def cached_codecs(
    results: str, corpus_fingerprint: str, images: ImageSet
) -> list[dict[str, Any]] | None:
    """Return the rows of an earlier promotion on the same images; None if there is none.

    Without their study: the rows are the new promotion's too. Rows that lack a codec, as those of
    an older version of this program may, are not taken.
    """
    known, _ = read_readable_tables(results, "codecs")
    known = known[known["corpus_fingerprint"] == corpus_fingerprint]
    crops_px = {facts["crop_px"] for facts in images.facts}
    for _, rows in known.groupby("study"):
        is_whole = set(rows["codec"]) >= set(CLASSICAL)
        is_same = set(rows["image"]) == set(images.names) and set(rows["crop_px"]) == crops_px
        if is_whole and is_same:
            return [
                {str(name): _or_none(value) for name, value in row.items() if name != "study"}
                for row in rows.to_dict("records")
            ]
    return None


def score_codecs(
    corpus: Corpus, train: ImageSet, val: ImageSet, images: ImageSet
) -> Iterator[dict[str, Any]]:
    """Yield the rows of all codecs at all nominal ratios, without study and corpus.

    Args:
        corpus: Gives the patches that the KLT is fitted on.
        train: Training images that entropy coders are fitted on.
        val: Validation images that quantiser steps are chosen on.
        images: The frozen test images.
    """
    facts = image_facts(images)
    with _all_cores(len(images)) as run_all:
        for ratio in RATIOS:
            for name, decoded in _decoded(corpus, train, val, images, ratio, run_all):
                for row in score_rows(images, facts, decoded):
                    yield {"codec": name, "ratio": ratio, **row}


def _decoded(
    corpus: Corpus, train: ImageSet, val: ImageSet, images: ImageSet, ratio: int, run_all: RunAll
) -> Iterator[tuple[str, DecodedSet]]:
    for name, encode in CLASSICAL.items():
        yield name, code_classically(encode, images.pixels, ratio, run_all)
    fit, steps, x = (torch.from_numpy(one.pixels) for one in (train, val, images))
    for name, transform in _linear_lines(corpus, ratio).items():
        yield name, decode_unquantised(transform, x)
        for decoded in decode_from_bytes(transform, fit_coders(transform, fit, steps), x):
            yield name, decoded


@contextmanager
def _all_cores(num_images: int) -> Iterator[RunAll]:
    """Yield what maps a function over images: in a process per core, where there are enough.

    The codecs keep Python's lock, so threads do not help. A signal is the driver's business: it
    ends the evaluation between two rows.
    """
    if num_images < MIN_POOL_IMAGES:
        yield map
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        available_cores(), mp_context=context, initializer=_ignore_interrupts
    ) as pool:
        yield pool.map


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def code_classically(
    encode: Encode, pixels: NDArray[np.float32], ratio: int, run_all: RunAll = map
) -> DecodedSet:
    """Return images as a classical codec decodes them at 8 bit over `ratio` per pixel or below.

    Args:
        encode: The codec: takes 8-bit pixels and the most bytes, gives None where it cannot.
        pixels: (N, 1, H, W) in [0, 1].
        ratio: Bytes of the 8-bit image over the most bytes of its code.
        run_all: Maps a function over images, in order.
    """
    num_images, _, height_px, width_px = pixels.shape
    decoded = np.zeros_like(pixels)
    rates = [float("nan")] * num_images
    budgets = [height_px * width_px // ratio] * num_images
    for position, coded in enumerate(run_all(encode, map(to_8_bit, pixels[:, 0]), budgets)):
        if coded is not None:
            decoded[position, 0] = coded.decoded
            rates[position] = 8 * coded.num_bytes / (height_px * width_px)
    return DecodedSet(decoded, None, rates)


def _linear_lines(corpus: Corpus, ratio: int) -> dict[str, Transform]:
    klt = fit_klt(corpus, nominal_channels(ratio))
    lines: dict[str, Transform] = {"block_klt": KltTransform(klt)}
    if supports_down_up(ratio):
        lines["down_up"] = DownUpTransform(ratio)
    return lines


def klt_psnr_db(
    rows: Iterable[Mapping[Any, Any]], ratio: int, names: Sequence[str]
) -> NDArray[np.float64]:
    """Return the PSNR of the unquantised block KLT at a ratio, image by image.

    Args:
        rows: Of the codecs table.
        ratio: Nominal ratio.
        names: Of the images, in the order wanted.
    """
    found = {
        row["image"]: row["psnr_db"]
        for row in rows
        if row["codec"] == "block_klt" and row["ratio"] == ratio and pd.isna(row["rate_bpp"])
    }
    return np.array([found[name] for name in names], np.float64)


def codec_rows(
    study: str, corpus_columns: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the codecs table of a promotion."""
    return [{"study": study, **corpus_columns, **row} for row in rows]


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
