"""The architecture x ratio matrix: what was searched, what was promoted, what came out.

One table per kind of ratio (bytes or elements), corpus, split, crop, number of validation images
and objective: scores compare only there. Every cell has the best quick score of its searches and
the test score of its newest promotion.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.frames import Frames
from analysis.kinds import BYTES, kind_words, split_by_kind
from analysis.page.palette import KNOWN_ARCHITECTURES, architecture_order
from analysis.page.section import NamedTable
from analysis.rates.points import LINEAR
from analysis.rates.selection import judged_rows
from models.training.objective import Objective
from tune.statistics.intervals import Interval
from tune.statistics.matrix import promoted_score
from tune.statistics.objectives import objective_named

PIXELS = [
    "corpus",
    "is_synthetic",
    "corpus_fingerprint",
    "split_fingerprint",
    "crop_px",
    "val_images",
    "objective",
]
"""What scores of one matrix were measured on and, last, what was maximised."""
USUAL_RATIOS = (4, 8, 16, 32, 64)


@dataclass(frozen=True)
class StatusMatrix:
    """What exists of one kind of ratio on one kind of pixels.

    Attributes:
        rate: What the ratios count, bytes or elements.
        words: What the scores were measured on.
        cells: Text by architecture (row) and ratio (column); "-" where nothing was tried.
        num_cells: Cells in which something was tried.
    """

    rate: str
    words: str
    cells: pd.DataFrame
    num_cells: int


def compute_status(frames: Frames) -> tuple[StatusMatrix, ...]:
    """Return one matrix per kind of ratio and pixels: bytes first, then by trials and runs."""
    return tuple(
        matrix for rate, part in split_by_kind(frames).items() for matrix in _matrices(part, rate)
    )


def status_tables(frames: Frames) -> tuple[NamedTable, ...]:
    """Return the matrices as tables of a section."""
    return tuple(
        NamedTable(f"status_{number}", matrix.words, matrix.cells.reset_index())
        for number, matrix in enumerate(compute_status(frames), start=1)
    )


def _matrices(frames: Frames, rate: str) -> list[StatusMatrix]:
    quick = frames.trials[[*PIXELS, "arch", "ratio"]].assign(is_run=False)
    full = frames.runs[[*PIXELS, "arch", "ratio"]].assign(is_run=True)
    everything = pd.concat([quick, full], ignore_index=True)
    pixels = sorted(everything.groupby(PIXELS), key=lambda one: -len(one[1]))
    return [_matrix(frames, rows, rate) for _, rows in pixels]


def _matrix(frames: Frames, rows: pd.DataFrame, rate: str) -> StatusMatrix:
    first = rows.iloc[0]
    objective = objective_named(first["objective"])
    trials = _of_pixels(frames.trials, first)
    runs = _of_pixels(frames.runs, first)
    tried = set(zip(rows["arch"], rows["ratio"], strict=True))
    known = {arch for arch in KNOWN_ARCHITECTURES if rate == BYTES or arch != LINEAR}
    archs = architecture_order({*known, *rows["arch"]})
    ratios = sorted({*USUAL_RATIOS, *(int(ratio) for ratio in rows["ratio"])})
    cells = pd.DataFrame(
        {
            f"{ratio}x": [
                _cell(frames, trials, runs, (arch, ratio), rate, objective)
                if (arch, ratio) in tried
                else "-"
                for arch in archs
            ]
            for ratio in ratios
        },
        index=pd.Index(archs, name="architecture"),
    )
    unit = f", in {objective.unit}" if objective.unit else ""
    kind = "SYNTHETIC corpus" if first["is_synthetic"] else "Corpus"
    scored = "at 8 / ratio bit per pixel" if rate == BYTES else "latent not quantised"
    words = (
        f"{kind} {first['corpus']} ({first['corpus_fingerprint'][:8]}), {first['val_images']} "
        f"validation images of {first['crop_px']} px, {kind_words(rate)}. quick: best validation "
        f"{objective.words} of the searches{unit}. full: test PSNR of the best candidate of the "
        f"newest promotion, with its 95 % interval over seeds, {scored}. The images differ: "
        "compare full with full only."
    )
    return StatusMatrix(rate, words, cells, len(tried))


def _of_pixels(table: pd.DataFrame, first: "pd.Series[Any]") -> pd.DataFrame:
    is_same = (table[PIXELS] == first[PIXELS]).all(axis=1)
    return table[is_same]


def _cell(
    frames: Frames,
    trials: pd.DataFrame,
    runs: pd.DataFrame,
    place: tuple[str, int],
    rate: str,
    objective: Objective,
) -> str:
    arch, ratio = place
    quick = trials[(trials["arch"] == arch) & (trials["ratio"] == ratio)]
    full = runs[(runs["arch"] == arch) & (runs["ratio"] == ratio)]
    lines = [*_full_lines(frames, full, rate), *_quick_lines(quick, objective)]
    return "\n".join(lines)


def _quick_lines(trials: pd.DataFrame, objective: Objective) -> list[str]:
    if trials.empty:
        return []
    best = trials[objective.best_column].max()
    score = "no score" if pd.isna(best) else f"{best:.{objective.decimals}f}"
    num_running = int(trials["outcome"].isna().sum())
    running = f", {num_running} without an end" if num_running else ""
    return [f"quick {score}", f"{len(trials)} trials{running}"]


def _full_lines(frames: Frames, runs: pd.DataFrame, rate: str) -> list[str]:
    """Return what the newest promotion with test scores says, and what a newer one lacks."""
    if runs.empty:
        return []
    newest_first = sorted(set(runs["study"]), key=lambda study: (study[-15:], study), reverse=True)
    for study in newest_first:
        found = _promoted(frames, study, rate)
        if found is None:
            continue
        best, score = found
        span = "" if score.low is None else f" [{score.low:.2f}, {score.high:.2f}]"
        lines = [f"full {score.mean:.2f}{span}", f"{best}, {_run_words(runs, study)}"]
        return (
            lines if study == newest_first[0] else [*lines, "a newer promotion is not tested yet"]
        )
    newest = newest_first[0]
    is_judged = frames.verdicts.loc[frames.verdicts["study"] == newest, "val_psnr_db"].notna().any()
    missing = "no test score yet" if is_judged else "no verdict yet"
    return [f"full: {missing}", _run_words(runs, newest)]


def _promoted(frames: Frames, study: str, rate: str) -> tuple[str, Interval] | None:
    """Return a promotion's best candidate and its test PSNR; None where either is missing."""
    verdicts = frames.verdicts[frames.verdicts["study"] == study].sort_values("place")
    if verdicts["val_psnr_db"].isna().all():  # also where there is none
        return None
    best = verdicts.iloc[0]["candidate"]
    test = frames.test[(frames.test["study"] == study) & (frames.test["candidate"] == best)]
    by_run = judged_rows(test, rate).groupby("run")["psnr_db"].mean()
    return None if by_run.empty else (best, promoted_score(by_run.tolist()))


def _run_words(runs: pd.DataFrame, study: str) -> str:
    of_study = runs[runs["study"] == study]
    num_running = int(of_study["outcome"].isna().sum())
    running = f", {num_running} without an end" if num_running else ""
    return f"{len(of_study)} runs{running}"
