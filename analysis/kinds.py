"""What a study's ratio counts, bytes or elements: the two kinds never share a cell or an axis.

A ratio of bytes is scored at 8 / ratio bit per pixel, one of elements unquantised, so that equal
ratios of the two say different things. Everything that is keyed by architecture and ratio is made
once per kind that is present.
"""

from dataclasses import replace
from typing import Any

import pandas as pd

from analysis.frames import TABLES, Frames

BYTES, ELEMENTS = "bytes", "elements"
KINDS = (BYTES, ELEMENTS)
"""In the order of the report; bytes are what a search counts when nobody says otherwise."""


def kind_of_study(frames: Frames) -> dict[str, str]:
    """Return what the ratio of each study counts, by name of the study.

    Its trials and runs say so, or its test scores where those cannot be read, or its configuration
    where nothing has run yet. Studies from before there were two kinds count elements.
    """
    tables = [getattr(frames, name) for name in TABLES]
    named = {*frames.studies, *(str(study) for table in tables for study in table["study"])}
    counts_bytes = {
        *_studies(frames.trials, frames.trials["rate"] == BYTES),
        *_studies(frames.runs, frames.runs["rate"] == BYTES),
        *_studies(frames.test, frames.test["rate_target_bpp"].notna()),
        *(name for name, config in frames.configs.items() if config.get("rate") == BYTES),
    }
    return {study: BYTES if study in counts_bytes else ELEMENTS for study in named}


def split_by_kind(frames: Frames) -> dict[str, Frames]:
    """Return the rows of each kind that has rows, bytes first; without any, all as bytes."""
    kinds = kind_of_study(frames)
    told = {
        kinds[str(study)] for name in TABLES for study in getattr(frames, name)["study"].unique()
    }
    if len(told) < len(KINDS):
        return {next(iter(told), BYTES): frames}
    return {kind: _only(frames, kinds, kind) for kind in KINDS}


def kind_words(kind: str) -> str:
    """Return what stands in titles.

    >>> kind_words("bytes")
    'ratio of bytes'
    """
    return f"ratio of {kind}"


def _only(frames: Frames, kinds: dict[str, str], kind: str) -> Frames:
    cut: dict[str, Any] = {}
    for name in TABLES:
        table = getattr(frames, name)
        cut[name] = table[table["study"].map(kinds) == kind]
    return replace(frames, **cut)


def _studies(table: pd.DataFrame, is_meant: "pd.Series[Any]") -> set[str]:
    return set(table.loc[is_meant, "study"])
