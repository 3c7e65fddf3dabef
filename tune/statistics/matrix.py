"""The architecture x ratio matrix of all studies and promotions, as values.

Scores compare only where the pixels are the same, the ratio counts the same and the same score was
maximised, so there is one matrix per corpus, split, crop, validation set, kind and objective;
nothing is averaged or ranked across them.
What is read is `tune.results.standings`'s, drawing is `tune.terminal.matrix`'s.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from data.stamp import CorpusStamp
from models.training.objective import Objective
from tune.space.dimension import Value
from tune.statistics.intervals import Interval, half_width
from tune.statistics.objectives import objective_named

Row = Mapping[Any, Any]
BASELINE = "baseline"
"""The architecture that the others must be above."""


@dataclass(frozen=True, order=True)
class Pixels(CorpusStamp):
    """What scores were measured on, a corpus and more; only equal ones compare.

    Attributes:
        crop_px: Side of the crops.
        val_images: Validation images.
        rate: What ratios count, "bytes" or "elements"; bytes are scored at 8 / ratio bit per pixel.
        objective: Name of the score that was maximised; what is best by one need not be by another.
    """

    crop_px: int
    val_images: int
    rate: str = "elements"
    objective: str = "psnr"

    @property
    def maximised(self) -> Objective:
        """The score that was maximised.

        Raises:
            UsageError: If this release does not know it.
        """
        return objective_named(self.objective)


@dataclass(frozen=True)
class Progress:
    """How far a study or promotion is whose driver lives.

    Attributes:
        study: Its name.
        unit: What it runs, "trials" or "runs".
        num_ended: Of them, those that ended for good.
        num_planned: All of them; rungs, races and patience make it fewer.
        eta_s: Seconds left at the speed so far; None before the first epoch.
        hosts: Trials that run now, by the node that they run on, where that is recorded.
    """

    study: str
    unit: str
    num_ended: int
    num_planned: int
    eta_s: float | None
    hosts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchView:
    """What the matrix needs of one search.

    Attributes:
        study: Its name.
        cell: Architecture and ratio.
        pixels: What its scores were measured on.
        num_ended: Trials that ended for good.
        num_open: Trials that run or can be resumed.
        num_planned: Trials that it is to have.
        best_number: Number of the best trial; None while none has finished an epoch.
        best_score: Its score at its best epoch, by the objective.
        best_db: Its validation PSNR there.
        hand_set_score: Score of the hand-set trial; None where it has none.
        hand_set_db: Its validation PSNR likewise.
        progress: How far it is; None where nobody drives it.
    """

    study: str
    cell: tuple[str, int]
    pixels: Pixels
    num_ended: int
    num_open: int
    num_planned: int
    best_number: int | None
    best_score: float
    best_db: float
    hand_set_score: float | None
    hand_set_db: float | None
    progress: Progress | None = None


@dataclass(frozen=True)
class PromotionView:
    """What the matrix needs of one promotion.

    Attributes:
        study: Its name.
        cell: Architecture and ratio.
        pixels: What its scores were measured on.
        num_parameters: Of its best candidate's model.
        candidate: The best candidate by validation; None before the verdict.
        verdict: Whether it is best, or tied.
        test_psnr_db: Its test PSNR, one for each of its seeds: at the target rate where ratios
            count bytes, otherwise of the unquantised reconstruction.
        progress: How far it is; None where nobody drives it.
    """

    study: str
    cell: tuple[str, int]
    pixels: Pixels
    num_parameters: int
    candidate: str | None
    verdict: str | None
    test_psnr_db: tuple[float, ...]
    progress: Progress | None = None


@dataclass(frozen=True)
class Best:
    """The best trial of a cell.

    Attributes:
        trial: Its name.
        val_psnr_db: Validation PSNR at its best epoch.
        num_parameters: Of its model.
        words: Its searched values, one text each.
        gain_db: Its PSNR minus that of the hand-set trial of the same study, in dB; None where
            that one has no score.
        score: Its score at its best epoch, by the objective.
        gain: Its score minus that of the hand-set trial; None likewise.
    """

    trial: str
    val_psnr_db: float
    num_parameters: int
    words: tuple[str, ...]
    gain_db: float | None
    score: float
    gain: float | None


@dataclass(frozen=True)
class Promoted:
    """The newest promotion of a cell that has test scores.

    Attributes:
        study: Its name.
        candidate: The best candidate by validation.
        verdict: Whether it is best, or tied.
        num_seeds: Its runs.
        num_parameters: Of its model.
        test_psnr_db: Mean over its runs of the test PSNR, as in `PromotionView`.
        half_width_db: Half of the 95 % interval over seeds; None with one seed.
        is_below_baseline: Whether that is under the baseline's at this ratio; None without one.
    """

    study: str
    candidate: str
    verdict: str
    num_seeds: int
    num_parameters: int
    test_psnr_db: float
    half_width_db: float | None
    is_below_baseline: bool | None = None


@dataclass(frozen=True)
class Cell:
    """What exists for one architecture and ratio.

    Attributes:
        num_studies: Searches, whatever became of them.
        num_ended: Trials that ended for good.
        num_open: Trials that run or can be resumed.
        num_planned: Trials that the searches are to have.
        best: The best trial; None while none has finished an epoch.
        promoted: The newest promotion with test scores; None without one.
        running: What is driven now.
    """

    num_studies: int
    num_ended: int
    num_open: int
    num_planned: int
    best: Best | None
    promoted: Promoted | None = None
    running: tuple[Progress, ...] = ()


@dataclass(frozen=True)
class Matrix:
    """All cells of one kind of ratio, objective and pixels, by architecture and ratio."""

    pixels: Pixels
    cells: Mapping[tuple[str, int], Cell]


View = TypeVar("View", SearchView, PromotionView)

Describe = Callable[[SearchView], tuple[Row, Sequence[str]]]
"""Takes a search with a best trial; returns that trial's row and the names of what was searched."""


def build_matrices(
    searches: Sequence[SearchView],
    promotions: Sequence[PromotionView],
    describe: Describe,
) -> tuple[Matrix, ...]:
    """Return one matrix per kind of pixels, ratio and objective: real corpora first, then bytes.

    Args:
        searches: All searches.
        promotions: All promotions, older ones first.
        describe: Reads what is shown of the few best trials.
    """
    searched, promoted = _by_place(searches), _by_place(promotions)
    cells: dict[Pixels, dict[tuple[str, int], Cell]] = {}
    for pixels, place in searched | promoted:
        cells.setdefault(pixels, {})[place] = _cell(
            searched.get((pixels, place), ()), promoted.get((pixels, place), ()), describe
        )
    return tuple(Matrix(pixels, _marked(cells[pixels])) for pixels in sorted(cells))


def _by_place(views: Iterable[View]) -> dict[tuple[Pixels, tuple[str, int]], list[View]]:
    """Return views by what they were measured on and their cell, each in the order given."""
    found: dict[tuple[Pixels, tuple[str, int]], list[View]] = {}
    for one in views:
        found.setdefault((one.pixels, one.cell), []).append(one)
    return found


def _cell(
    searches: Sequence[SearchView], promotions: Sequence[PromotionView], describe: Describe
) -> Cell:
    views: list[SearchView | PromotionView] = [*searches, *promotions]
    scored = [one for one in promotions if one.candidate is not None and one.test_psnr_db]
    return Cell(
        num_studies=len(searches),
        num_ended=sum(one.num_ended for one in searches),
        num_open=sum(one.num_open for one in searches),
        num_planned=sum(one.num_planned for one in searches),
        best=_best(searches, describe),
        promoted=_promoted(scored[-1]) if scored else None,
        running=tuple(one.progress for one in views if one.progress is not None),
    )


def _best(searches: Sequence[SearchView], describe: Describe) -> Best | None:
    """Return the best trial of a cell; a crashed one keeps the score of the epochs it finished."""
    scored = [one for one in searches if one.best_number is not None]
    if not scored:
        return None
    best = max(scored, key=lambda one: one.best_score)
    row, searched = describe(best)
    return Best(
        trial=str(row["trial"]),
        val_psnr_db=best.best_db,
        num_parameters=int(row["num_parameters"]),
        words=tuple(_words(name, row[name]) for name in searched),
        gain_db=None if best.hand_set_db is None else best.best_db - best.hand_set_db,
        score=best.best_score,
        gain=None if best.hand_set_score is None else best.best_score - best.hand_set_score,
    )


def _promoted(view: PromotionView) -> Promoted:
    score_db = promoted_score(view.test_psnr_db)
    return Promoted(
        study=view.study,
        candidate=str(view.candidate),
        verdict=str(view.verdict),
        num_seeds=len(view.test_psnr_db),
        num_parameters=view.num_parameters,
        test_psnr_db=score_db.mean,
        half_width_db=half_width(view.test_psnr_db),
    )


def promoted_score(test_psnr_db: Sequence[float]) -> Interval:
    """Return what "full" says of the best candidate: its test PSNR, with the interval over seeds.

    Args:
        test_psnr_db: Mean over the test images of each of its runs, as in `PromotionView`.
    """
    mean_db = math.fsum(test_psnr_db) / len(test_psnr_db)
    return Interval.around(mean_db, half_width(test_psnr_db))


def _marked(cells: Mapping[tuple[str, int], Cell]) -> dict[tuple[str, int], Cell]:
    """Return the cells with what is under the baseline at its ratio."""
    marked = {}
    for (arch, ratio), cell in cells.items():
        baseline = cells.get((BASELINE, ratio))
        standard = None if baseline is None else baseline.promoted
        if arch == BASELINE or cell.promoted is None or standard is None:
            marked[arch, ratio] = cell
            continue
        is_below = cell.promoted.test_psnr_db < standard.test_psnr_db
        promoted = replace(cell.promoted, is_below_baseline=is_below)
        marked[arch, ratio] = replace(cell, promoted=promoted)
    return marked


def _words(name: str, value: Value) -> str:
    if name == "base_channels":
        return f"{value} channels"
    short = {"learning_rate": "lr", "warmup_epochs": "warmup"}.get(name, name)
    return f"{short} {value:.2g}" if isinstance(value, float) else f"{short} {value}"
