"""Learning curves of a search with its rungs, and how each curve ended.

A search may have a million epochs; a figure shows a fair choice of trials and says how many it
left out.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.page.axes import count_axis
from analysis.page.literal import literal
from analysis.page.palette import GREY, LIGHT, OUTCOMES
from analysis.study_view import StudyView
from models.training.objective import Objective

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from plotly.graph_objects import Figure

MAX_CURVES = 80
"""Curves that a figure can show without becoming a smear."""

RATE_COLUMNS = ("rate_bpp", "multiplier")
"""What an epoch of a training for bytes has beside its scores; shown where the mouse is."""

MAX_POINTS = 100
"""Epochs per curve: more cannot be told apart at the figure's width."""


@dataclass(frozen=True)
class LearningCurves:
    """The curves of one search.

    Attributes:
        points: One row per trial and shown epoch: `trial_number`, `label`, `outcome`, `epoch`,
            the score by the objective, and of bytes `rate_bpp` and `multiplier`; in this order of
            trial and epoch.
        rung_epochs: Where trials are compared.
        num_trials: Trials with an epoch.
        num_shown: Trials whose curve is shown.
        best_trial: Number of the best one, which is always shown; None without any.
        at_rate: Where scores are, such as " at 0.5 bit/px"; "" where nothing is quantised.
        objective: What the search maximises.
        low: Lower end of the view: below it are only the first epochs and what never learnt.
    """

    points: pd.DataFrame
    rung_epochs: tuple[int, ...]
    num_trials: int
    num_shown: int
    best_trial: int | None
    at_rate: str
    objective: Objective
    low: float | None

    @property
    def finding(self) -> str:
        """How many of the shown trials end close to the best one."""
        if self.points.empty:
            return "No trial has a score"
        ends = self.points.groupby("trial_number")[self.objective.column].max()
        best, near = float(ends.max()), self.objective.near
        num_near = int((ends >= best - near).sum())
        return (
            f"{num_near} of {len(ends)} trials come within {self.objective.text(near)} of the "
            f"best, {self.objective.text(best)}"
        )

    @property
    def words(self) -> str:
        """How many curves there are, and how the shown ones were chosen."""
        if self.num_shown == self.num_trials:
            return f"All {self.num_trials} trials that finished an epoch."
        return (
            f"{self.num_shown} of {self.num_trials} trials: the best half of them by score, the "
            "others spread evenly over every outcome; each with at most "
            f"{MAX_POINTS} of its epochs."
        )


def compute_learning_curves(view: StudyView, max_curves: int = MAX_CURVES) -> LearningCurves:
    """Return the curves to show.

    Args:
        view: The study.
        max_curves: Curves at most: half of them the best trials, half spread over the outcomes.
    """
    started = view.trials[view.trials["trial_number"].isin(view.epochs["trial_number"].unique())]
    objective = view.objective
    shown = _choose(started, max_curves, objective.best_column)
    facts = shown[["trial_number", "label", "outcome"]]
    scores = ["epoch", objective.column, *([] if view.target_bpp is None else RATE_COLUMNS)]
    points = view.epochs[["trial_number", *scores]].merge(facts, on="trial_number")
    points = _thin(points[["trial_number", "label", "outcome", *scores]])
    best = view.scored
    return LearningCurves(
        points=points.sort_values(["trial_number", "epoch"]).reset_index(drop=True),
        rung_epochs=tuple(sorted({int(epoch) for epoch in view.rungs["rung_epoch"]})),
        num_trials=len(started),
        num_shown=len(shown),
        best_trial=None if best.empty else int(best["trial_number"].iloc[0]),
        at_rate=view.at_rate,
        objective=objective,
        low=_low(points, objective),
    )


@literal
def draw_learning_curves(result: LearningCurves) -> "Figure":
    """Return validation scores over epochs: dash, colour and end mark say how each trial ended."""
    from plotly.graph_objects import Figure

    figure = Figure(layout={"template": LIGHT, "height": 460})
    for epoch in result.rung_epochs:
        figure.add_vline(
            x=epoch,
            line={"color": GREY, "width": 1, "dash": "dot"},
            annotation={"text": f"rung {epoch}", "font": {"size": 11, "color": GREY}},
            annotation_position="top",
        )
    present = set(result.points["outcome"])
    for outcome in (*OUTCOMES, *sorted(present - set(OUTCOMES))):
        rows = result.points[result.points["outcome"] == outcome]
        if len(rows):
            _draw_outcome(figure, outcome, rows, result)
    figure.update_xaxes(count_axis("epoch", result.points["epoch"].max()))
    objective = result.objective
    figure.update_yaxes(title=f"validation {objective.words}{result.at_rate}{objective.bracket}")
    if result.low is not None:
        high = float(result.points[objective.column].max())
        margin = max(0.05 * (high - result.low), objective.margin)
        figure.update_yaxes(range=[result.low - margin, high + margin])
    return figure


def _draw_outcome(
    figure: "Figure", outcome: str, rows: pd.DataFrame, result: LearningCurves
) -> None:
    """Add one trace for all curves of an outcome, one for their ends, one for the best trial."""
    from plotly.graph_objects import Scatter

    style = OUTCOMES.get(outcome, OUTCOMES["running"])
    objective = result.objective
    is_best = (rows["trial_number"] == result.best_trial).to_numpy()
    for part, width, opacity in ((rows[~is_best], 1.2, 0.6), (rows[is_best], 3.5, 1.0)):
        if part.empty:
            continue
        lines = _with_gaps(part)
        figure.add_trace(
            Scatter(
                x=lines["epoch"].to_numpy(dtype="float32"),
                y=lines[objective.column].to_numpy(dtype="float32"),
                customdata=_hover_data(lines),
                hovertemplate=f"{_hover_words(lines, objective)}<extra>{style.label}</extra>",
                mode="lines",
                line={"color": style.colour, "dash": style.dash, "width": width},
                opacity=opacity,
                legendgroup=outcome,
                showlegend=False,
            )
        )
    ends = rows.groupby("trial_number").tail(1)
    figure.add_trace(
        Scatter(
            x=ends["epoch"].to_numpy(),
            y=ends[objective.column].to_numpy(),
            text=ends["label"].to_numpy(),
            hovertemplate=f"%{{text}} ended at epoch %{{x}}, {objective.hover}<extra>"
            + style.label
            + "</extra>",
            mode="markers",
            marker={"symbol": style.symbol, "color": style.colour, "size": 9},
            name=f"{style.label} ({ends['trial_number'].nunique()})",
            legendgroup=outcome,
        )
    )


def _hover_data(lines: pd.DataFrame) -> "NDArray[np.float32] | NDArray[np.int32]":
    """Return what the hover shows beside the score: the trial, and of bytes rate and multiplier."""
    number = lines["trial_number"].fillna(0)
    if "rate_bpp" not in lines:
        return number.to_numpy(dtype=np.int32)
    parts = [number, *(lines[name].astype("float64").round(4) for name in RATE_COLUMNS)]
    return np.stack([part.to_numpy(dtype=np.float32) for part in parts], axis=-1)


def _hover_words(lines: pd.DataFrame, objective: Objective) -> str:
    if "rate_bpp" not in lines:
        return "t%{customdata:03d} epoch %{x}: " + objective.hover
    return (
        "t%{customdata[0]:03d} epoch %{x}: "
        + objective.hover
        + "\nestimated %{customdata[1]:.3f} bit/px, multiplier %{customdata[2]:.3g}"
    )


def _choose(started: pd.DataFrame, max_curves: int, score: str) -> pd.DataFrame:
    """Return at most so many trials: the best, and of the others as evenly as there are."""
    if len(started) <= max_curves:
        return started
    ranked = started.sort_values(score, ascending=False, kind="stable")
    best = ranked.iloc[: max_curves // 2]
    others = ranked.iloc[max_curves // 2 :].sort_values(["outcome", "trial_number"])
    # One of each outcome at least, and of the rest every n-th: outcomes in their proportions.
    first = others.groupby("outcome").head(1)
    left = max(max_curves - len(best) - len(first), 0)
    rest = others.drop(first.index)
    places = np.unique(np.linspace(0, len(rest) - 1, left).round().astype(int))
    return pd.concat([best, first, rest.iloc[places]]).sort_values("trial_number")


def _thin(points: pd.DataFrame) -> pd.DataFrame:
    """Return every n-th epoch of long curves, always with the first and the last one."""
    if points.empty:
        return points
    by_trial = points.groupby("trial_number")["epoch"]
    place = by_trial.cumcount()
    length = by_trial.transform("size")
    stride = np.ceil(length / MAX_POINTS).astype(int)
    thinned: pd.DataFrame = points[(place % stride == 0) | (place == length - 1)]
    return thinned


def _low(points: pd.DataFrame, objective: Objective) -> float | None:
    """Return the lower end of the view: what 19 of 20 trials reach at their end, or begin with."""
    if points.empty:
        return None
    curves = points.groupby("trial_number")[objective.column]
    ends = curves.last()
    median, low = float(ends.median()), float(ends.quantile(0.05))
    first = float(curves.first().median())
    return max(min(low, first), low - 2 * max(median - low, 20 * objective.margin))


def _with_gaps(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with an empty one between trials, which lifts the pen."""
    number = rows["trial_number"].to_numpy()
    starts = np.flatnonzero(np.diff(number)) + 1
    order = np.insert(np.arange(len(rows)), starts, -1)
    lifted = rows.reset_index(drop=True).reindex(order)
    return lifted.reset_index(drop=True)
