"""Every trial as a line through its searched values to its score: which combinations do well."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.page.axes import axis_title, shade_of, short_number, ticks_of
from analysis.page.literal import literal
from analysis.page.palette import GREY, LIGHT
from analysis.study_view import StudyView, format_value, thin_trials
from models.training.objective import Objective
from tune.space.dimension import Dimension, Value

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_LINES = 500
NUM_BANDS = 5
"""Bands of equally many trials, by score, that are shaded alike."""


@dataclass(frozen=True)
class ParallelCoordinates:
    """The trials with a score of one search.

    Attributes:
        space: The searched dimensions, in order.
        lines: One row per shown trial: `trial`, its number, one column per dimension, and
            the best score; the worst first.
        num_scored: Trials of the study with a score.
        objective: What the search maximises.
    """

    space: tuple[Dimension, ...]
    lines: pd.DataFrame
    num_scored: int
    objective: Objective

    @property
    def finding(self) -> str:
        """What the best fifth of the trials has in common, and what it reaches."""
        score = self.objective.best_column
        best = self.lines.tail(max(round(len(self.lines) / NUM_BANDS), 1))
        shared = [
            f"{dim.name.replace('_', ' ')} {format_value(best[dim.name].iloc[0])}"
            for dim in self.space
            if best[dim.name].nunique() == 1
        ]
        reach = f"The best fifth reaches {self.objective.text(best[score].min())} or more"
        return f"{reach}, all with {', '.join(shared)}" if shared else reach


def compute_parallel_coordinates(
    view: StudyView, max_lines: int = MAX_LINES
) -> ParallelCoordinates | None:
    """Return the trials with a score, worst first, so that the best are drawn on top.

    Returns:
        None where the space is unknown or no trial has a score.
    """
    names = [dim.name for dim in view.space]
    shown = thin_trials(view, max_lines)
    score = view.objective.best_column
    lines = shown[["trial", "trial_number", *names, score]].dropna(subset=[score])
    if not names or lines.empty:
        return None
    lines = lines.sort_values(score, kind="stable").reset_index(drop=True)
    return ParallelCoordinates(view.space, lines, len(view.scored), view.objective)


@literal
def draw_parallel_coordinates(result: ParallelCoordinates) -> "Figure":
    """Return one vertical axis per dimension and one for the score; shade and legend are fifths.

    Drawn as plain lines: Plotly's own parallel coordinates need WebGL, of which a page has few.
    """
    from plotly.graph_objects import Figure, Scatter

    objective = result.objective
    titles = [*map(axis_title, result.space), f"{objective.words}{objective.bracket}"]
    figure = Figure(layout={"template": LIGHT, "height": 460})
    places = _places(result)
    for number, fifth in enumerate(np.array_split(np.arange(len(places)), NUM_BANDS)):
        if len(fifth) == 0:
            continue
        scores = result.lines[objective.best_column].iloc[fifth]
        # A missing point behind each trial lifts the pen.
        lifted = np.pad(places[fifth], ((0, 0), (0, 1)), constant_values=np.nan)
        numbers = result.lines["trial_number"].to_numpy(dtype="int32")[fifth]
        figure.add_trace(
            Scatter(
                x=np.tile(np.arange(lifted.shape[1], dtype="int16"), len(fifth)),
                y=lifted.ravel(),
                customdata=np.repeat(numbers, lifted.shape[1]),
                hovertemplate="t%{customdata:03d}<extra></extra>",
                mode="lines+markers",
                marker={"size": 4},
                line={
                    "color": shade_of(number, NUM_BANDS),
                    "width": 2.5 if number == NUM_BANDS - 1 else 1.0,
                },
                name=f"{scores.min():.{objective.decimals}f} to {objective.text(scores.max())}",
            )
        )
    figure.update_layout(annotations=_tick_words(_ticks(result)))
    figure.update_xaxes(
        tickvals=list(range(len(titles))),
        ticktext=[title.replace(" ", "\n", 1) for title in titles],
        range=[-0.4, len(titles) - 0.6],
        gridcolor=GREY,
        showline=False,
        zeroline=False,
    )
    figure.update_yaxes(visible=False, range=[-0.04, 1.04])
    return figure


def _tick_words(axes: list[tuple[list[float], list[str]]]) -> list[dict[str, Any]]:
    """Return the words at the ticks: left of each axis, right of the last one."""
    last = len(axes) - 1
    return [
        {
            "x": place,
            "y": value,
            "text": text,
            "showarrow": False,
            "xanchor": "left" if place == last else "right",
            "xshift": 5 if place == last else -5,
            "font": {"size": 11},
            "bgcolor": "rgba(128,128,128,0.25)" if 0 < place < last else None,
        }
        for place, (values, texts) in enumerate(axes)
        for value, text in zip(values, texts, strict=True)
    ]


def _places(result: ParallelCoordinates) -> NDArray[np.float32]:
    """Return where each trial crosses each axis: 0 at the lower end, 1 at the upper one."""
    columns = [[position(dim, value) for value in result.lines[dim.name]] for dim in result.space]
    low, high = _score_range(result)
    score = (result.lines[result.objective.best_column] - low) / (high - low)
    return np.column_stack([*columns, score]).astype("float32")


def _ticks(result: ParallelCoordinates) -> list[tuple[list[float], list[str]]]:
    """Return for each axis where its ticks are, in shares of its length, and their texts."""
    axes = []
    for dim in result.space:
        values, texts = ticks_of(dim)
        if values is None or texts is None:
            values = list(dim.ends)
            texts = [short_number(float(value)) for value in values]
        axes.append(([position(dim, value) for value in values], texts))
    low, high = _score_range(result)
    digits = result.objective.decimals
    texts = [f"{low + s * (high - low):.{digits}f}" for s in (0, 0.5, 1)]
    axes.append(([0.0, 0.5, 1.0], texts))
    return axes


def position(dimension: Dimension, value: Value) -> float:
    """Return where a value lies on its axis; names stand in the order of the choices."""
    share = dimension.position(value)
    if share is not None:
        return share
    choices = dimension.choices
    return choices.index(value) / (len(choices) - 1) if len(choices) > 1 else 0.5


def _score_range(result: ParallelCoordinates) -> tuple[float, float]:
    score, half = result.lines[result.objective.best_column], 10 * result.objective.margin
    low, high = float(score.min()), float(score.max())
    return (low, high) if high > low else (low - half, high + half)
