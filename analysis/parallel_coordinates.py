"""Every trial as a line through its searched values to its score: which combinations do well."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.axes import axis_title, colour_scale, short_number, ticks_of
from analysis.palette import LIGHT
from analysis.sensitivity import thin_trials
from analysis.study_view import StudyView
from tune.dimension import Dimension

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_LINES = 1000


@dataclass(frozen=True)
class ParallelCoordinates:
    """The trials with a score of one search.

    Attributes:
        space: The searched dimensions, in order.
        lines: One row per shown trial, one column per dimension, and `best_val_psnr_db`.
        num_scored: Trials of the study with a score.
    """

    space: tuple[Dimension, ...]
    lines: pd.DataFrame
    num_scored: int


def compute_parallel_coordinates(
    view: StudyView, max_lines: int = MAX_LINES
) -> ParallelCoordinates | None:
    """Return the trials with a score, worst first, so that the best are drawn on top.

    Returns:
        None where the space is unknown or no trial has a score.
    """
    names = [dim.name for dim in view.space]
    shown = thin_trials(view, max_lines)
    lines = shown[["trial", *names, "best_val_psnr_db"]].dropna(subset=["best_val_psnr_db"])
    if not names or lines.empty:
        return None
    lines = lines.sort_values("best_val_psnr_db", kind="stable").reset_index(drop=True)
    return ParallelCoordinates(view.space, lines, len(view.scored))


def draw_parallel_coordinates(result: ParallelCoordinates) -> "Figure":
    """Return one vertical axis per dimension and one for the score; drag along an axis to select.

    The shade is the score; where early crashes lie far below the rest, it begins at the lowest
    tenth.
    """
    from plotly.graph_objects import Figure, Parcoords

    score_db = result.lines["best_val_psnr_db"]
    low_db, high_db = float(score_db.quantile(0.1)), float(score_db.max())
    axes = [_axis(dim, result.lines[dim.name]) for dim in result.space]
    axes.append({"label": "PSNR [dB]", "values": score_db.to_numpy(dtype="float32")})
    figure = Figure(
        layout={
            "template": LIGHT,
            "height": 460,
            "margin": {"l": 70, "r": 70, "t": 60, "b": 30},
        },
    )
    figure.add_trace(
        Parcoords(
            dimensions=axes,
            line={
                "color": score_db.to_numpy(dtype="float32"),
                "colorscale": colour_scale(),
                "cmin": low_db,
                "cmax": high_db if high_db > low_db else low_db + 1.0,
            },
            unselected={"line": {"opacity": 0.08}},
            rangefont={"color": "rgba(0,0,0,0)"},  # it writes the ends of the axes a second time
        )
    )
    return figure


def _axis(dimension: Dimension, values: "pd.Series[Any]") -> dict[str, Any]:
    """Return an axis: logarithms for logarithmic ranges, places for choices."""
    label = axis_title(dimension)
    if dimension.kind == "categorical":
        choices = list(dimension.choices)
        return {
            "label": label,
            "values": np.array([choices.index(value) for value in values], dtype="int16"),
            "range": [-0.05, max(len(choices) - 0.95, 0.05)],
            "tickvals": list(range(len(choices))),
            "ticktext": [str(choice) for choice in choices],
        }
    assert dimension.low is not None
    assert dimension.high is not None
    ticks, texts = ticks_of(dimension)
    if not dimension.log:
        return {
            "label": label,
            "values": values.to_numpy(dtype="float32"),
            "range": [dimension.low, dimension.high],
            "tickvals": ticks,
            "ticktext": texts,
        }
    exponents: NDArray[np.float64] = np.log10(np.array(ticks, dtype="float64"))
    return {
        "label": label,
        "values": np.log10(values.to_numpy(dtype="float64")).astype("float32"),
        "range": [float(np.log10(dimension.low)), float(np.log10(dimension.high))],
        "tickvals": exponents.tolist(),
        "ticktext": texts or [short_number(value) for value in values],
    }
