"""The architecture x ratio matrix: what was searched, what was promoted, what came out.

One table per kind of ratio (bytes or elements), corpus, split, crop, number of validation images
and objective: scores compare only there. Every cell has the best quick score of its searches and
the test score of its newest promotion.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.frames import Frames
from analysis.kinds import BYTES, kind_words, split_by_kind
from analysis.page.palette import KNOWN_ARCHITECTURES, architecture_order, capital
from analysis.page.section import Heat, NamedTable
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
        objective: What the searches maximised.
        words: What the scores were measured on.
        cells: Text by architecture (row) and ratio (column), the score in the first line; "-"
            where nothing was tried.
        behind: How far each score is behind the best of its ratio, likewise; NaN where it does not
            compare: a quick score beside full ones, or none.
        num_cells: Cells in which something was tried.
        has_full: Whether one of the scores is a promoted one.
    """

    rate: str
    objective: Objective
    words: str
    cells: pd.DataFrame
    behind: pd.DataFrame
    num_cells: int
    has_full: bool


@dataclass(frozen=True)
class _Cell:
    """What one architecture at one ratio came to; the score is full where there is a full one."""

    lines: tuple[str, ...] = ("-",)
    score: float = math.nan
    is_full: bool = False


def compute_status(frames: Frames) -> tuple[StatusMatrix, ...]:
    """Return one matrix per kind of ratio and pixels: bytes first, then by trials and runs."""
    return tuple(
        matrix for rate, part in split_by_kind(frames).items() for matrix in _matrices(part, rate)
    )


def status_tables(frames: Frames) -> tuple[NamedTable, ...]:
    """Return the matrices as heat maps; none where all that was tried is one cell."""
    matrices = compute_status(frames)
    if sum(matrix.num_cells for matrix in matrices) == 1:  # the facts say it
        return ()
    return tuple(
        NamedTable(
            f"status_{number}",
            matrix.words,
            matrix.cells.reset_index(),
            heat=_heat(matrix) if matrix.num_cells > 1 else None,
            title=matrix_finding(matrix),
        )
        for number, matrix in enumerate(matrices, start=1)
    )


def matrix_finding(matrix: StatusMatrix) -> str:
    """Return which architecture is best at the most ratios."""
    compared = [column for column in matrix.behind if matrix.behind[column].notna().sum() > 1]
    num_all = matrix.cells.size
    tried = f"{matrix.num_cells} of {num_all} cells tried"
    if not compared:
        return tried
    first = matrix.behind[compared].idxmin().value_counts()
    best = capital(str(first.index[0]))
    return f"{best} is first at {first.iloc[0]} of {len(compared)} ratios; {tried}"


def _heat(matrix: StatusMatrix) -> Heat:
    """Return shades: the best of a ratio is the darkest, the farthest behind it the palest."""
    objective, behind = matrix.objective, matrix.behind
    farthest = max((gap for gap in behind.to_numpy().ravel() if gap > 0), default=0.0)
    shades = behind.where(behind.isna(), 1 - behind / (farthest or 1.0))
    words = f"{farthest:.2f} dB" if matrix.has_full else objective.text(farthest)
    return Heat(shades, f"{words} behind", "best at its ratio")


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
    places = [[(arch, ratio) for ratio in ratios] for arch in archs]
    found = [
        [
            _cell(frames, trials, runs, place, rate, objective) if place in tried else _Cell()
            for place in row
        ]
        for row in places
    ]
    index = pd.Index(archs, name="architecture")
    columns = [f"{ratio}x" for ratio in ratios]
    cells = pd.DataFrame(
        [["\n".join(one.lines) for one in row] for row in found], index=index, columns=columns
    )
    behind = pd.DataFrame(
        list(zip(*(_behind(column) for column in zip(*found, strict=True)), strict=True)),
        index=index,
        columns=columns,
        dtype="float64",
    )
    unit = f", in {objective.unit}" if objective.unit else ""
    kind = "SYNTHETIC corpus" if first["is_synthetic"] else "Corpus"
    scored = "at 8 / ratio bit per pixel" if rate == BYTES else "latent not quantised"
    words = (
        f"{kind} {first['corpus']} ({first['corpus_fingerprint'][:8]}), {first['val_images']} "
        f"validation images of {first['crop_px']} px, {kind_words(rate)}. Large: test PSNR of the "
        "best candidate of the newest promotion, with its 95 % interval over seeds, "
        f"{scored}; where nothing is promoted, the quick score. Quick: best validation "
        f"{objective.words} of the searches{unit}. The images differ, so that only scores of a "
        "kind compare; the shade does, within a ratio."
    )
    has_full = any(cell.is_full for row in found for cell in row)
    return StatusMatrix(rate, objective, words, cells, behind, len(tried), has_full)


def _behind(column: Sequence[_Cell]) -> list[float]:
    """Return how far cells of one ratio are behind the best: of full scores where one is full."""
    is_full = any(cell.is_full for cell in column)
    scores = [cell.score if cell.is_full == is_full else math.nan for cell in column]
    best = max((score for score in scores if not math.isnan(score)), default=math.nan)
    return [best - score for score in scores]


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
) -> _Cell:
    arch, ratio = place
    quick = _quick(trials[(trials["arch"] == arch) & (trials["ratio"] == ratio)], objective)
    full = _full(frames, runs[(runs["arch"] == arch) & (runs["ratio"] == ratio)], rate)
    if full is None or quick is None:
        return full or quick or _Cell()
    if math.isnan(full.score):
        return _Cell((*quick.lines, *full.lines), quick.score)
    return _Cell((*full.lines, f"quick {quick.lines[0]}"), full.score, is_full=True)


def _quick(trials: pd.DataFrame, objective: Objective) -> _Cell | None:
    if trials.empty:
        return None
    best = float(trials[objective.best_column].max())
    score = "no score" if math.isnan(best) else f"{best:.{objective.decimals}f}"
    num_running = int(trials["outcome"].isna().sum())
    running = f", {num_running} without an end" if num_running else ""
    return _Cell((score, f"quick, {len(trials)} trials{running}"), best)


def _full(frames: Frames, runs: pd.DataFrame, rate: str) -> _Cell | None:
    """Return what the newest promotion with test scores says, and what a newer one lacks."""
    if runs.empty:
        return None
    newest_first = sorted(set(runs["study"]), key=lambda study: (study[-15:], study), reverse=True)
    for study in newest_first:
        found = _promoted(frames, study, rate)
        if found is None:
            continue
        best, score = found
        span = () if score.low is None else (f"[{score.low:.2f}, {score.high:.2f}]",)
        lines = (f"{score.mean:.2f}", *span, f"{best}, {_run_words(runs, study)}")
        if study != newest_first[0]:
            lines = (*lines, "a newer promotion is not tested yet")
        return _Cell(lines, score.mean, is_full=True)
    newest = newest_first[0]
    is_judged = frames.verdicts.loc[frames.verdicts["study"] == newest, "val_psnr_db"].notna().any()
    missing = "no test score yet" if is_judged else "no verdict yet"
    return _Cell((f"full: {missing}", _run_words(runs, newest)))


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
