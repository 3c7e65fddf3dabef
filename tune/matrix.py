"""The architecture x ratio matrix of all studies, as values: what was tried and what came out.

Scores compare only where the pixels are the same, so there is one matrix per corpus, split, crop
and validation set; nothing is averaged or ranked across them. Drawing is `tune.status`'s.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from tune.config import SearchConfig
from tune.space import DEFAULT_TUNE, Value

Row = Mapping[Any, Any]


@dataclass(frozen=True, order=True)
class Pixels:
    """What scores were measured on; only equal ones compare.

    Attributes:
        is_synthetic: Whether the pixels are generated.
        corpus: Name of the corpus.
        corpus_fingerprint: Of patches, bounds and index.
        split_fingerprint: Of the split into training, validation and test.
        crop_px: Side of the crops.
        val_images: Validation images.
    """

    is_synthetic: bool
    corpus: str
    corpus_fingerprint: str
    split_fingerprint: str
    crop_px: int
    val_images: int


@dataclass(frozen=True)
class Best:
    """The best trial of a cell.

    Attributes:
        trial: Its name.
        val_psnr_db: Validation PSNR at its best epoch.
        words: Its searched values, one text each.
        gain_db: Its score minus that of the hand-set trial of the same study, in dB; None where
            that one has no score.
    """

    trial: str
    val_psnr_db: float
    words: tuple[str, ...]
    gain_db: float | None


@dataclass(frozen=True)
class Cell:
    """What exists for one architecture and ratio.

    Attributes:
        num_studies: Studies, whatever became of them.
        num_ended: Trials with an outcome.
        num_running: Trials handed out, without an outcome yet.
        num_planned: Trials that the studies are to have.
        best: The best trial; None while none has finished an epoch.
    """

    num_studies: int
    num_ended: int
    num_running: int
    num_planned: int
    best: Best | None


@dataclass(frozen=True)
class Matrix:
    """All cells that were measured on the same pixels, by architecture and ratio."""

    pixels: Pixels
    cells: Mapping[tuple[str, int], Cell]


def build_matrices(trials: pd.DataFrame, configs: Mapping[str, SearchConfig]) -> tuple[Matrix, ...]:
    """Return one matrix per kind of pixels, real corpora first.

    Args:
        trials: The trials table of all studies.
        configs: The configuration of studies by name; one that is missing planned what it has.
    """
    groups: dict[Pixels, dict[tuple[str, int], list[Row]]] = {}
    for row in trials.to_dict("records"):
        pixels = Pixels(**{name: row[name] for name in Pixels.__annotations__})
        cells = groups.setdefault(pixels, {})
        cells.setdefault((row["arch"], row["ratio"]), []).append(row)
    matrices = [
        Matrix(pixels, {place: _cell(rows, configs) for place, rows in cells.items()})
        for pixels, cells in groups.items()
    ]
    return tuple(sorted(matrices, key=lambda matrix: matrix.pixels))


def _cell(rows: Sequence[Row], configs: Mapping[str, SearchConfig]) -> Cell:
    handed_out = Counter(row["study"] for row in rows)
    num_running = sum(1 for row in rows if pd.isna(row["outcome"]))
    return Cell(
        num_studies=len(handed_out),
        num_ended=len(rows) - num_running,
        num_running=num_running,
        num_planned=sum(
            max(configs[study].trials, count) if study in configs else count  # extended ones
            for study, count in handed_out.items()
        ),
        best=_best(rows, configs),
    )


def _best(rows: Sequence[Row], configs: Mapping[str, SearchConfig]) -> Best | None:
    """Return the best trial of a cell; a crashed one keeps the score of the epochs it finished."""
    scored = [row for row in rows if not math.isnan(row["best_val_psnr_db"])]
    if not scored:
        return None
    best = max(scored, key=lambda row: row["best_val_psnr_db"])
    study, score_db = best["study"], best["best_val_psnr_db"]
    hand_set_db = next(
        (
            row["best_val_psnr_db"]
            for row in scored
            if row["study"] == study and row["proposed_by"] == "hand_set"
        ),
        None,
    )
    searched = configs[study].tune if study in configs else DEFAULT_TUNE
    return Best(
        trial=best["trial"],
        val_psnr_db=score_db,
        words=tuple(_words(name, best[name]) for name in searched),
        gain_db=None if hand_set_db is None else score_db - hand_set_db,
    )


def _words(name: str, value: Value) -> str:
    if name == "base_channels":
        return f"{value} channels"
    short = {"learning_rate": "lr", "warmup_epochs": "warmup"}.get(name, name)
    return f"{short} {value:.2g}" if isinstance(value, float) else f"{short} {value}"
