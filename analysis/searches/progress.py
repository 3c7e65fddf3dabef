"""How the best score of a search grew with the epochs that were spent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.page.axes import SPENT, count_axis
from analysis.page.literal import literal
from analysis.page.palette import GREY, LIGHT, VERMILLION, style_of
from analysis.study_view import StudyView
from models.training.objective import Objective

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class SweepProgress:
    """The best score so far of one search.

    Attributes:
        arch: The architecture, which has its colour.
        steps: One row per improvement, and one for the end: `epochs_spent` by all trials together
            when it was reported, the best score from then on, `trial` and its `epoch`.
        hand_set: Best score of the hand-set trial; None without one.
        references: Scores of the reference lines at this ratio, by name: linear codecs of as many
            elements, or JPEG2000 and the block KLT at the target rate.
        at_rate: Where scores are, such as " at 0.5 bit/px"; "" where nothing is quantised.
        objective: What the search maximises.
    """

    arch: str
    steps: pd.DataFrame
    hand_set: float | None
    references: dict[str, float]
    at_rate: str
    objective: Objective

    @property
    def finding(self) -> str:
        """Which trial became the best, and when."""
        score = self.objective.best_column
        if self.steps.empty:
            return "No trial has a score"
        best = self.steps.sort_values([score, "epochs_spent"], ascending=[False, True]).iloc[0]
        name = str(best["trial"]).rpartition("_")[2]
        return (
            f"{name} became the best, {self.objective.text(best[score])}, after "
            f"{best['epochs_spent']} of {self.steps['epochs_spent'].max()} epochs"
        )


def compute_sweep_progress(view: StudyView) -> SweepProgress:
    """Return how the best validation score grew; epochs count in the order they were reported."""
    reported = view.epochs.sort_values(["recorded_at", "trial_number", "epoch"], kind="stable")
    objective = view.objective
    scores = reported[objective.column].to_numpy()
    best = np.maximum.accumulate(scores) if len(scores) else scores
    is_better = np.concatenate(([True], np.diff(best) > 0))[: len(best)]
    steps = pd.DataFrame(
        {
            "epochs_spent": np.arange(1, len(reported) + 1),
            objective.best_column: best,
            "trial": reported["trial"].to_numpy(),
            "epoch": reported["epoch"].to_numpy(),
        }
    )
    better = steps[is_better]
    if len(better):  # the last best trial is the best until the end
        end = better.iloc[[-1]].assign(epochs_spent=len(steps))
        better = pd.concat([better, end]).drop_duplicates("epochs_spent")
    hand_set = view.scored[view.scored["proposed_by"] == "hand_set"]
    return SweepProgress(
        arch=view.arch,
        steps=better.reset_index(drop=True),
        hand_set=None if hand_set.empty else float(hand_set[objective.best_column].iloc[0]),
        references=reference_scores(view),
        at_rate=view.at_rate,
        objective=objective,
    )


def reference_scores(view: StudyView) -> dict[str, float]:
    """Return the reference lines by name, scored by the objective; none of them has an MS-SSIM."""
    score = view.objective.plain_column
    if score not in view.references:
        return {}
    lines = zip(view.references["reference"], view.references[score], strict=True)
    return {str(name): float(value) for name, value in lines}


@literal
def draw_sweep_progress(result: SweepProgress) -> "Figure":
    """Return a step line of the best score over the epochs of all trials, with what it is to beat.

    Example:
        >>> from analysis.frames import load
        >>> views = view_studies(load())            # doctest: +SKIP
        >>> draw_sweep_progress(compute_sweep_progress(views[0])).show()  # doctest: +SKIP
    """
    from plotly.graph_objects import Figure, Scatter

    style, steps, objective = style_of(result.arch), result.steps, result.objective
    figure = Figure(layout={"template": LIGHT, "height": 460})
    figure.add_trace(
        Scatter(
            x=steps["epochs_spent"].to_numpy(),
            y=steps[objective.best_column].to_numpy(),
            customdata=np.stack([steps["trial"], steps["epoch"]], axis=-1),
            hovertemplate=objective.hover + " after %{x} epochs\n%{customdata[0]}, its epoch "
            "%{customdata[1]}<extra></extra>",
            mode="lines+markers",
            line={"shape": "hv", "color": style.colour, "width": 2},
            marker={"symbol": style.symbol, "size": 7},
            name="best so far",
        )
    )
    lines = [(style_of(name), score) for name, score in result.references.items()]
    levels = [(known.label, known.dash, GREY, score) for known, score in lines]
    if result.hand_set is not None:
        levels.append(("hand-set values", "dash", VERMILLION, result.hand_set))
    last = int(steps["epochs_spent"].max()) if len(steps) else 1
    for label, dash, colour, score in levels:
        figure.add_trace(
            Scatter(
                x=[0, last],
                y=[score, score],
                mode="lines",
                line={"dash": dash, "color": colour, "width": 1.5},
                name=f"{label} {objective.text(score)}",
                hovertemplate="%{fullData.name}<extra></extra>",
            )
        )
    figure.update_xaxes(count_axis(SPENT, last))
    title = f"validation {objective.words}{result.at_rate}{objective.bracket}"
    figure.update_yaxes(title=title, range=_view(result))
    return figure


def _view(result: SweepProgress) -> list[float] | None:
    """Return the range of the view: from what the first fiftieth of the epochs reached upwards.

    The first epochs of the first trial would take half of the figure otherwise.
    """
    steps, score = result.steps, result.objective.best_column
    if steps.empty:
        return None
    early = steps[steps["epochs_spent"] <= max(steps["epochs_spent"].max() / 50, 1)]
    shown = [
        float(early[score].max() if len(early) else steps[score].min()),
        float(steps[score].max()),
        *result.references.values(),
        *([] if result.hand_set is None else [result.hand_set]),
    ]
    margin = max(0.05 * (max(shown) - min(shown)), result.objective.margin)
    return [min(shown) - margin, max(shown) + margin]
