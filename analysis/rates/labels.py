"""Names at the ends of lines, in the place of a legend; what of a figure is in view."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

LABEL_PX = 17
"""Height of a label; closer ones are moved apart."""

REACH_PX = 16
"""How far right of its line a label stands."""

NUM_LOOKS = 200
"""Places at which a line is looked at, to find where it leaves the view."""

ROOM_PX = 128
"""Room for labels right of the axes."""


@dataclass(frozen=True)
class View:
    """The part of the plane that a figure shows.

    Attributes:
        x: Least and greatest value of the logarithmic axis.
        y: Least and greatest score.
        height_px: Of the axes.
    """

    x: tuple[float, float]
    y: tuple[float, float]
    height_px: float


@dataclass(frozen=True)
class Line:
    """A line to be labelled.

    Attributes:
        label: Its name.
        x: Places by rising value.
        y: Scores.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]


def add_labels(figure: go.Figure, lines: Sequence[Line], view: View, yref: str = "y") -> None:
    """Write the name of each line at the right end of what is in view, moved apart."""
    ends = [(line.label, *end) for line in lines if (end := _end(line, view)) is not None]
    ends.sort(key=lambda end: -end[2])
    per_px = (view.y[1] - view.y[0]) / view.height_px
    heights_px = [(view.y[1] - y) / per_px for _, _, y in ends]
    for (label, x, y), from_px, to_px in zip(
        ends, heights_px, spread(heights_px, view.height_px), strict=True
    ):
        figure.add_annotation(
            x=math.log10(x),
            y=y,
            yref=yref,
            text=label,
            ax=REACH_PX,
            ay=to_px - from_px,
            xanchor="left",
            yanchor="middle",
            align="left",
            showarrow=True,
            arrowhead=0,
            arrowwidth=1,
            arrowcolor="#808080",
            standoff=1,
            font={"size": 13},
        )


def spread(wanted_px: Sequence[float], room_px: float) -> list[float]:
    """Return places for labels, close to the wanted ones and at least a label apart.

    >>> spread([100.0, 101.0, 300.0], 400.0)
    [92.0, 109.0, 300.0]
    """
    groups: list[tuple[list[float], float]] = []  # wanted places that stand together, and their top
    for place in sorted(wanted_px):
        groups.append(([place], _top([place], room_px)))
        while len(groups) > 1 and groups[-2][1] + LABEL_PX * len(groups[-2][0]) > groups[-1][1]:
            last, _ = groups.pop()
            merged = [*groups.pop()[0], *last]
            groups.append((merged, _top(merged, room_px)))
    return [top + LABEL_PX * number for members, top in groups for number in range(len(members))]


def _top(members: Sequence[float], room_px: float) -> float:
    """Return where the first of a group stands, so that the group is around what it wants."""
    length = LABEL_PX * (len(members) - 1)
    return min(max(sum(members) / len(members) - length / 2, 0.0), max(room_px - length, 0.0))


def _end(line: Line, view: View) -> tuple[float, float] | None:
    """Return the rightmost point of a line in view; None where none of it is."""
    if not len(line.x):
        return None
    logs = np.log10(line.x)
    low, high = max(logs[0], math.log10(view.x[0])), min(logs[-1], math.log10(view.x[1]))
    if low > high:
        return None
    places = np.linspace(low, high, NUM_LOOKS)
    heights = np.interp(places, logs, line.y)
    inside = np.flatnonzero((heights >= view.y[0]) & (heights <= view.y[1]))
    if not inside.size:
        return None
    last = inside[-1]
    return float(10 ** places[last]), float(heights[last])
