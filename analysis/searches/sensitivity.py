"""Score over one searched value, shaded by another: learning rate and base channels if it can."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.page.axes import axis_title, shade_of, ticks_of
from analysis.page.literal import literal
from analysis.page.palette import GREY, LIGHT, OUTCOMES, Style
from analysis.study_view import MAX_MARKS, StudyView, format_value, thin_trials, words_of
from models.training.objective import Objective
from tune.space.dimension import Dimension, Value

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Sensitivity:
    """The trials of one search by two of their values.

    Attributes:
        x: The dimension along the figure.
        colour: The dimension that colours the marks; None where only one is searched.
        marks: One row per shown trial: `trial`, `label`, `words`, `x`, `colour`, `outcome`,
            the best score (missing where it never finished an epoch), `is_crash`.
        num_trials: Trials of the study that are running or have ended.
        objective: What the search maximises.
    """

    x: Dimension
    colour: Dimension | None
    marks: pd.DataFrame
    num_trials: int
    objective: Objective

    @property
    def finding(self) -> str:
        """Where the best quarter of the trials with a score stands."""
        score = self.objective.best_column
        scored = self.marks.dropna(subset=[score]).sort_values(score, ascending=False)
        name = self.x.name.replace("_", " ")
        if scored.empty:
            return f"No score at any {name}"
        good = scored["x"].head(max(round(len(scored) / 4), 1))
        if self.x.kind == "categorical":
            return f"The best quarter has {name} {', '.join(map(format_value, _ordered(good)))}"
        low, high = format_value(good.min()), format_value(good.max())
        where = low if low == high else f"{low} to {high}"
        return f"The best quarter has {name} {where}"

    @property
    def words(self) -> str:
        """How many trials are shown."""
        if len(self.marks) == self.num_trials:
            return f"All {self.num_trials} trials."
        return f"{len(self.marks)} of {self.num_trials} trials: the best half, the others evenly."


def compute_sensitivity(view: StudyView, max_marks: int = MAX_MARKS) -> Sensitivity | None:
    """Return the trials by learning rate and base channels, or by what is searched instead.

    Returns:
        None where the study's space is unknown.
    """
    if not view.space:
        return None
    x = _preferred(view.space, "learning_rate")
    others = tuple(dim for dim in view.space if dim.name != x.name)
    colour = _preferred(others, "base_channels") if others else None
    shown = thin_trials(view, max_marks)
    marks = pd.DataFrame(
        {
            "trial": shown["trial"],
            "label": shown["label"],
            "words": [words_of(row, view.space) for row in shown.to_dict("records")],
            "x": shown[x.name],
            "colour": "" if colour is None else shown[colour.name],
            "outcome": shown["outcome"],
            view.objective.best_column: shown[view.objective.best_column],
            "is_crash": shown["is_crash"],
        }
    ).reset_index(drop=True)
    return Sensitivity(x, colour, marks, len(view.trials), view.objective)


@literal
def draw_sensitivity(result: Sensitivity) -> "Figure":
    """Return score over the first value: shade says the second, symbol how the trial ended.

    Trials without a score stand in a row below the others.
    """
    from plotly.graph_objects import Figure

    figure = Figure(layout={"template": LIGHT, "height": 460})
    objective = result.objective
    scores = result.marks[objective.best_column]
    marks = result.marks.assign(y=_heights(scores, objective.margin))
    shades = _ordered(marks["colour"])
    for place, value in enumerate(shades):
        shade = shade_of(place, len(shades)) if result.colour is not None else GREY
        name = (
            "trials"
            if result.colour is None
            else f"{format_value(value)} {result.colour.name.replace('_', ' ')}"
        )
        _draw_value(figure, name, shade, marks[marks["colour"] == value], objective)
    _explain_symbols(figure, marks)
    if (missing := scores.isna()).any():
        row = marks[missing]
        _label_row(figure, float(row["y"].iloc[0]), is_left_free=not _is_left(row["x"], result.x))
    values, texts = ticks_of(result.x)
    figure.update_xaxes(
        title=axis_title(result.x),
        type="log" if result.x.log else None,
        tickvals=values,
        ticktext=texts,
    )
    figure.update_yaxes(title=f"best {objective.title}")
    return figure


def outcome_style(outcome: str) -> Style:
    """Return how an outcome is drawn; one of another release like a running trial."""
    return OUTCOMES.get(outcome, OUTCOMES["running"])


def _draw_value(
    figure: "Figure", name: str, shade: str, rows: pd.DataFrame, objective: Objective
) -> None:
    from plotly.graph_objects import Scatter

    figure.add_trace(
        Scatter(
            x=rows["x"].to_numpy(),
            y=rows["y"].to_numpy(),
            customdata=np.stack(
                [rows["label"], rows["words"], rows["outcome"].str.replace("_", " ")], axis=-1
            ),
            hovertemplate="%{customdata[0]} %{customdata[2]}, "
            + objective.hover
            + "\n%{customdata[1]}<extra></extra>",
            mode="markers",
            marker={
                "color": shade,
                "symbol": [outcome_style(outcome).symbol for outcome in rows["outcome"]],
                "size": 10,
                "line": {"color": GREY, "width": 1},
            },
            name=name,
        )
    )


def _explain_symbols(figure: "Figure", marks: pd.DataFrame) -> None:
    """Add one entry of the legend for each outcome that occurs."""
    from plotly.graph_objects import Scatter

    counts = marks["outcome"].value_counts()
    for outcome in sorted(counts.index, key=lambda name: [*OUTCOMES, name].index(name)):
        style = outcome_style(outcome)
        figure.add_trace(
            Scatter(
                x=[None],
                y=[None],
                mode="markers",
                marker={"symbol": style.symbol, "color": GREY, "size": 10},
                name=f"{style.label} ({counts[outcome]})",
                hoverinfo="skip",
            )
        )


def _label_row(figure: "Figure", y: float, *, is_left_free: bool) -> None:
    """Write "no score" beside the marks without one, on the side where there are fewer."""
    figure.add_annotation(
        x=0 if is_left_free else 1,
        xref="paper",
        xanchor="left" if is_left_free else "right",
        y=y,
        yanchor="middle",
        text="no score",
        showarrow=False,
        font={"color": GREY},
    )


def _is_left(values: "pd.Series[Any]", dimension: Dimension) -> bool:
    """Return whether a mark stands in the left third of the axis."""
    places = [dimension.position(value) for value in values]
    return any(place is not None and place < 1 / 3 for place in places)


def _heights(scores: "pd.Series[float]", margin: float) -> "pd.Series[float]":
    """Return where marks stand: at their score, those without one below the lowest score."""
    if scores.isna().all():
        return scores.fillna(0.0)
    low, high = scores.min(), scores.max()
    return scores.fillna(low - max(0.12 * (high - low), 2 * margin))


def _ordered(values: "pd.Series[Any]") -> list[Value]:
    """Return the different values: numbers rising, names in alphabetical order."""
    found: list[Value] = values.drop_duplicates().tolist()
    return sorted(found, key=lambda value: (isinstance(value, str), value))


def _preferred(space: tuple[Dimension, ...], name: str) -> Dimension:
    return next((dim for dim in space if dim.name == name), space[0])
