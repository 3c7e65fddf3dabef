"""The figures of one search with their captions, one per diagnosis; each is a module of its own.

The more studies there are, the fewer curves and marks each one shows, so that the page stays small;
captions say what was left out.
"""

from dataclasses import dataclass

from analysis.page.figure_parts import MIN_MARKS
from analysis.page.section import NamedFigure
from analysis.searches.generalisation_gap import compute_generalisation_gap, draw_generalisation_gap
from analysis.searches.importance_bars import compute_importance_bars, draw_importance_bars
from analysis.searches.learning_curves import (
    MAX_CURVES,
    compute_learning_curves,
    draw_learning_curves,
)
from analysis.searches.memory_fit import compute_memory_fit, draw_memory_fit
from analysis.searches.outcome_counts import (
    OutcomeCounts,
    draw_outcome_counts,
)
from analysis.searches.parallel_coordinates import (
    MAX_LINES,
    compute_parallel_coordinates,
    draw_parallel_coordinates,
)
from analysis.searches.progress import compute_sweep_progress, draw_sweep_progress
from analysis.searches.replays import compute_replays, draw_replays
from analysis.searches.sensitivity import compute_sensitivity, draw_sensitivity
from analysis.searches.time_spent import compute_time_spent, draw_time_spent
from analysis.study_view import MAX_MARKS, StudyView

NUM_CURVES = 1600
NUM_MARKS = 20000
"""Curves and marks of one kind of figure over all studies; a study shows its share of them."""


@dataclass(frozen=True)
class Shares:
    """What one study may show.

    Attributes:
        curves: Learning curves.
        marks: Marks of a scatter.
        lines: Lines through parallel coordinates.
    """

    curves: int
    marks: int
    lines: int


def share_of(num_studies: int) -> Shares:
    """Return what each of so many studies may show.

    >>> share_of(1).curves, share_of(40).curves
    (80, 40)
    """
    each = max(num_studies, 1)
    return Shares(
        curves=max(min(MAX_CURVES, NUM_CURVES // each), 10),
        marks=max(min(MAX_MARKS, NUM_MARKS // each), 100),
        lines=max(min(MAX_LINES, NUM_MARKS // (4 * each)), 100),
    )


def study_figures(view: StudyView, shares: Shares, counts: OutcomeCounts) -> list[NamedFigure]:
    """Return all figures of a search that have something to show."""
    return [
        *score_figures(view, shares),
        *_space_figures(view, shares),
        *_replay_figures(view),
        *_cost_figures(view, counts),
    ]


def score_figures(view: StudyView, shares: Shares) -> list[NamedFigure]:
    """Return learning curves, how the best score grew, and who over-fits."""
    if view.epochs.empty:
        return []
    progress = compute_sweep_progress(view)
    curves = compute_learning_curves(view, shares.curves)
    gap = compute_generalisation_gap(view, shares.marks)
    figures = [
        NamedFigure(
            f"{view.name}_curves",
            f"Learning curves{view.at_rate}. {curves.words} The thick one is the best trial; "
            "dotted vertical lines are the rungs. Dash and end mark say how a trial ended.",
            draw_learning_curves(curves),
            curves.points,
            is_main=True,
            title=curves.finding,
        ),
        NamedFigure(
            f"{view.name}_progress",
            f"Best validation {view.objective.words}{view.at_rate} so far against the epochs that "
            f"all trials together had spent.{_reference_words(view)}",
            draw_sweep_progress(progress),
            progress.steps,
            title=progress.finding,
        ),
    ]
    if len(gap.marks) >= MIN_MARKS:
        figures.append(
            NamedFigure(
                f"{view.name}_gap",
                "Training minus validation PSNR at each trial's best epoch; well above 0 a trial "
                "over-fits.",
                draw_generalisation_gap(gap),
                gap.marks,
                title=gap.finding,
            )
        )
    return figures


def _reference_words(view: StudyView) -> str:
    if view.objective.name == "ms_ssim":  # which no line is scored by
        return ""
    lines = (
        "linear codecs with as many latent elements"
        if view.target_bpp is None
        else "the coded block KLT, and JPEG2000 of whole patches, both at that rate or just below"
    )
    return f" Grey lines are {lines}."


def _space_figures(view: StudyView, shares: Shares) -> list[NamedFigure]:
    figures = []
    sensitivity = compute_sensitivity(view, shares.marks)
    if sensitivity is not None and len(sensitivity.marks) >= MIN_MARKS:
        figures.append(
            NamedFigure(
                f"{view.name}_sensitivity",
                f"Best score over {sensitivity.x.name.replace('_', ' ')}. {sensitivity.words} The "
                "shade says "
                + (sensitivity.colour.name if sensitivity.colour else "nothing").replace("_", " ")
                + ", the symbol how the trial ended. Trials that rungs stopped were trained less.",
                draw_sensitivity(sensitivity),
                sensitivity.marks,
                is_main=True,
                title=sensitivity.finding,
            )
        )
    lines = compute_parallel_coordinates(view, shares.lines)
    if lines is not None and len(lines.lines) >= MIN_MARKS:
        figures.append(
            NamedFigure(
                f"{view.name}_parallel",
                f"Parallel coordinates of {len(lines.lines)} of {lines.num_scored} trials with a "
                "score, in fifths by score, the best one thick and dark; the legend shows and "
                "hides them.",
                draw_parallel_coordinates(lines),
                lines.lines,
                title=lines.finding,
            )
        )
    importance = compute_importance_bars(view)
    if len(importance.bars):
        figures.append(
            NamedFigure(
                f"{view.name}_importance",
                "Importance by Optuna's evaluators: PED-ANOVA asks what separates the best trials "
                "from the rest, fANOVA which share of the variance a dimension explains. "
                "Completed trials were chosen by the rungs; at the first rung all were trained "
                "equally long. In brackets the trials; tens of them say little.",
                draw_importance_bars(importance),
                importance.bars,
                title=importance.finding,
            )
        )
    return figures


def _replay_figures(view: StudyView) -> list[NamedFigure]:
    replays = compute_replays(view)
    if replays is None or replays.curves.empty:
        return []
    return [
        NamedFigure(
            f"{view.name}_replays",
            "Replayed searches: what the best score so far lacks to the best of the recorded "
            "configurations, mean over nights with 95 % intervals. Drawn are the study's own "
            "setting, the advised one and no stopping; the table has the others.",
            draw_replays(replays),
            replays.curves,
            title=replays.finding,
        )
    ]


def _cost_figures(view: StudyView, counts: OutcomeCounts) -> list[NamedFigure]:
    spent, memory = compute_time_spent(view), compute_memory_fit(view)
    figures = []
    if counts.counts["outcome"].nunique() > 1:
        figures.append(
            NamedFigure(
                f"{view.name}_outcomes",
                "How the trials ended. Crashes are diverged, out of memory and failed; stopped is "
                "none.",
                draw_outcome_counts(counts),
                counts.counts,
                title=counts.finding,
            )
        )
    if spent.frame["seconds"].sum() > 0:
        training = spent.total.rows[0]["share"]
        figures.append(
            NamedFigure(
                f"{view.name}_time",
                spent.words,
                draw_time_spent(spent),
                spent.frame,
                title=f"{training:.0%} of the places' time was training",
            )
        )
    if memory.num_trials >= MIN_MARKS:
        figures.append(
            NamedFigure(
                f"{view.name}_memory",
                memory.words,
                draw_memory_fit(memory),
                memory.marks,
                title=memory.finding,
            )
        )
    return figures
