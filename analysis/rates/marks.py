"""Draw one curve of a rate-distortion figure: its line, what carries it on, and faint marks."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Literal

import plotly.graph_objects as go

from analysis.page.palette import Style, style_of
from analysis.rates.points import ARCHITECTURES, RateCurve, RatePoint
from tune.statistics.intervals import Interval

Axis = Literal["ratio", "rate"]

FAINT = 0.35
"""Opacity of what is shown beside the lines."""

BAND = 0.08
"""Opacity of intervals: of several networks they lie over each other."""

LONE_BAND = 0.3
"""The same of a point that is alone, which nothing lies over."""

BAR = 1.02
"""Half the width of the interval of a lone point, as a factor on a logarithmic axis."""


def points_of(curve: RateCurve, against: Axis) -> tuple[RatePoint, ...]:
    """Return the points of a curve that an axis has room for."""
    return curve.uncoded if against == "ratio" else curve.coded


def score_of(point: RatePoint, metric: str) -> Interval:
    """Return one metric of a point."""
    score: Interval = getattr(point, metric)
    return score


def place_of(point: RatePoint, against: Axis) -> float:
    """Return where a point stands on an axis."""
    return point.ratio if against == "ratio" else point.rate_bpp


def add_curve(
    figure: go.Figure, curve: RateCurve, metric: str, against: Axis, *, has_band: bool = True
) -> None:
    """Add a line with intervals; coded points that are not on it are faint.

    What was trained for a rate has a mark on the line. The steps beside it carry the line on beyond
    both ends, faint too: a model that was trained for that rate would be better there.
    """
    line = curve.uncoded if against == "ratio" else curve.front
    if not line and not curve.trained:
        return
    style = style_of(curve.name)
    is_operating = against == "rate" and bool(curve.trained)
    points = [point for point in line if point.step_scale == 1] if is_operating else list(line)
    if has_band and curve.kind in ARCHITECTURES:
        scores = [score_of(point, metric) for point in points]
        add_band(figure, style, [place_of(point, against) for point in points], scores)
    _add_line(figure, style, points, metric, against)
    if is_operating:
        _add_ends(figure, style, line, metric)
    strong = {id(point) for point in points}
    _add_faint(
        figure,
        style,
        [point for point in points_of(curve, against) if id(point) not in strong],
        metric,
        against,
        "a step it was not trained for" if is_operating else "beaten by another setting",
    )


def _add_ends(figure: go.Figure, style: Style, line: tuple[RatePoint, ...], metric: str) -> None:
    """Add the parts of an operating curve that lie beyond its trained points."""
    is_end = [one.step_scale != 1 or other.step_scale != 1 for one, other in pairwise(line)]
    parts = [pair for pair, is_shown in zip(pairwise(line), is_end, strict=True) if is_shown]
    if not parts:
        return
    figure.add_scatter(
        x=[place for one, other in parts for place in (one.rate_bpp, other.rate_bpp, None)],
        y=[
            score
            for one, other in parts
            for score in (score_of(one, metric).mean, score_of(other, metric).mean, None)
        ],
        mode="lines",
        line={"color": style.colour, "dash": style.dash, "width": 1.5},
        opacity=FAINT,
        legendgroup=style.label,
        showlegend=False,
        hoverinfo="skip",
    )


def _add_faint(
    figure: go.Figure,
    style: Style,
    points: list[RatePoint],
    metric: str,
    against: Axis,
    words: str,
) -> None:
    """Add marks that are not on the line."""
    if not points:
        return
    figure.add_scatter(
        x=[place_of(point, against) for point in points],
        y=[score_of(point, metric).mean for point in points],
        mode="markers",
        marker={"color": style.colour, "symbol": style.symbol, "size": 6},
        opacity=FAINT,
        legendgroup=style.label,
        showlegend=False,
        name=f"{style.label}, {words}",
        hovertemplate="%{fullData.name}\n%{x:.3g}: %{y:.3f}<extra></extra>",
    )


def _add_line(
    figure: go.Figure, style: Style, points: Iterable[RatePoint], metric: str, against: Axis
) -> None:
    """Add the line; of a codec without marks, which its label tells."""
    points = list(points)
    scores = [score_of(point, metric) for point in points]
    is_codec = style.symbol.endswith("-open")
    figure.add_scatter(
        x=[place_of(point, against) for point in points],
        y=[score.mean for score in scores],
        customdata=[
            [point.ratio, point.quantiser_step, *score.ends]
            for point, score in zip(points, scores, strict=True)
        ],
        mode="lines" if is_codec and len(points) > 1 else "lines+markers",
        name=style.label,
        legendgroup=style.label,
        showlegend=not is_codec,
        line={"color": style.colour, "dash": style.dash, "width": 2 if is_codec else 3},
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            "size": 9 if is_codec else 11,
            "line": {"color": style.colour, "width": 1.5 if is_codec else 0},
        },
        hovertemplate=(
            "%{fullData.name}, nominal %{customdata[0]}x, step %{customdata[1]}\n"
            "%{x:.3g}: %{y:.3f} [%{customdata[2]:.3f}, %{customdata[3]:.3f}]<extra></extra>"
        ),
    )


def add_band(
    figure: go.Figure,
    style: Style,
    places: list[float],
    scores: list[Interval],
    yaxis: str = "y",
) -> None:
    """Add the intervals as a band; a point that is alone has a bar."""
    known = [
        (place, *score.ends)
        for place, score in zip(places, scores, strict=True)
        if score.low is not None
    ]
    if not known:
        return
    opacity = BAND if len(known) > 1 else LONE_BAND
    if len(known) == 1:
        known = [(known[0][0] * shift, *known[0][1:]) for shift in (1 / BAR, BAR)]
    figure.add_scatter(
        x=[place for place, _, _ in (*known, *reversed(known))],
        y=[*(low for _, low, _ in known), *(high for _, _, high in reversed(known))],
        yaxis=yaxis,
        mode="lines",
        fill="toself",
        fillcolor=style.colour,
        opacity=opacity,
        line={"width": 0, "color": style.colour},
        legendgroup=style.label,
        showlegend=False,
        name=f"{style.label}, 95 % interval",
        hoverinfo="skip",
    )
