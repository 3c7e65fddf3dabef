"""The lower part of the rate-distortion figure: every line above JPEG2000, with its interval."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from analysis.page.palette import GAUSSIAN_BOUND, style_of
from analysis.rates.bound import BoundPoint
from analysis.rates.labels import Line, View, add_labels
from analysis.rates.marks import add_band
from analysis.rates.over_codec import ANCHOR, OverCodec
from tune.statistics.rate_points import CLASSICAL_CODECS

UPPER, LOWER = (0.56, 1.0), (0.0, 0.48)
"""Shares of the height that both parts have."""

FAR_BELOW_DB = 2.0
"""What is farther below JPEG2000 does not widen the view."""

CODEC_LINES = (*CLASSICAL_CODECS, "block_klt")
LEFT_OUT = "down_up"
"""The reference that is so far below that it would only take room."""


def add_gain_panel(
    figure: go.Figure,
    found: Sequence[OverCodec],
    bound: Sequence[BoundPoint],
    x: tuple[float, float],
    height_px: float,
) -> None:
    """Add the lower part, and move what is there into the upper one.

    Args:
        figure: A figure against the rate.
        found: What is drawn.
        bound: The Gaussian bound, which is drawn as far as JPEG2000 reaches.
        x: Least and greatest rate in view.
        height_px: Of the axes of both parts together.
    """
    by_curve: dict[str, list[OverCodec]] = {}
    for one in found:
        by_curve.setdefault(one.curve, []).append(one)
    lines = []
    for name, points in by_curve.items():
        points.sort(key=lambda point: point.rate_bpp)
        if name in CODEC_LINES:
            lines.append(_add_codec(figure, name, points))
        elif name != LEFT_OUT:
            _add_architecture(figure, name, points)
    above = _bound_line(bound, by_curve[ANCHOR], figure)
    y = _range([*_ends_in_view(found, x), *above.y])
    figure.update_layout(
        yaxis={"domain": UPPER},
        yaxis2={"domain": LOWER, "anchor": "x", "range": y, "title": {"text": "dB over JPEG2000"}},
        xaxis={"anchor": "y2"},
    )
    share = LOWER[1] - LOWER[0]
    add_labels(figure, [*lines, above], View(x, y, share * height_px), yref="y2")


def _ends_in_view(found: Sequence[OverCodec], x: tuple[float, float]) -> list[float]:
    """Return the gains that the view must hold, of architectures with both ends of intervals."""
    shown = [one for one in found if x[0] <= one.rate_bpp <= x[1] and one.curve != LEFT_OUT]
    gains = [one.gain_db.mean for one in shown]
    gains += [end for one in shown if one.curve not in CODEC_LINES for end in one.gain_db.ends]
    return [gain for gain in gains if gain > -FAR_BELOW_DB]  # NaN is not


def _range(gains: Sequence[float]) -> tuple[float, float]:
    low, high = min([0.0, *gains]), max([0.0, *gains])
    margin = 0.07 * (high - low) or 0.1
    return low - margin, high + margin


def _add_codec(figure: go.Figure, name: str, points: Sequence[OverCodec]) -> Line:
    style = style_of(name)
    rates, gains = [p.rate_bpp for p in points], [p.gain_db.mean for p in points]
    figure.add_scatter(
        x=rates,
        y=gains,
        yaxis="y2",
        mode="lines",
        line={"color": style.colour, "dash": style.dash, "width": 2},
        legendgroup=style.label,
        showlegend=False,
        name=f"{style.label}, over JPEG2000",
        hovertemplate="%{fullData.name}\n%{x:.3g}: %{y:+.3f} dB<extra></extra>",
    )
    return Line(style.label, rates, gains)


def _add_architecture(figure: go.Figure, name: str, points: Sequence[OverCodec]) -> None:
    style = style_of(name)
    rates = [point.rate_bpp for point in points]
    add_band(figure, style, rates, [point.gain_db for point in points], yaxis="y2")
    figure.add_scatter(
        x=rates,
        y=[point.gain_db.mean for point in points],
        yaxis="y2",
        customdata=[list(point.gain_db.ends) for point in points],
        mode="lines+markers",
        line={"color": style.colour, "dash": style.dash, "width": 3},
        marker={"color": style.colour, "symbol": style.symbol, "size": 9},
        legendgroup=style.label,
        showlegend=False,
        name=f"{style.label}, over JPEG2000",
        hovertemplate=(
            "%{fullData.name}\n%{x:.3g}: %{y:+.3f} dB [%{customdata[0]:+.3f}, "
            "%{customdata[1]:+.3f}]<extra></extra>"
        ),
    )


def _bound_line(
    bound: Sequence[BoundPoint], anchor: Sequence[OverCodec], figure: go.Figure
) -> Line:
    """Add the bound over JPEG2000, which the upper part has as a line of its own."""
    codec = next(trace for trace in figure.data if trace.name == style_of(ANCHOR).label)
    rates = np.log10(np.array(codec.x, dtype=np.float64))
    ends = anchor[0].rate_bpp, anchor[-1].rate_bpp
    shown = [point for point in bound if ends[0] <= point.rate_bpp <= ends[1]]
    line = Line(
        GAUSSIAN_BOUND.label,
        [point.rate_bpp for point in shown],
        [
            point.psnr_db - float(np.interp(math.log10(point.rate_bpp), rates, codec.y))
            for point in shown
        ],
    )
    if line.x:
        figure.add_scatter(
            x=line.x,
            y=line.y,
            yaxis="y2",
            mode="lines",
            line={"color": GAUSSIAN_BOUND.colour, "width": 1, "dash": GAUSSIAN_BOUND.dash},
            showlegend=False,
            name=f"{GAUSSIAN_BOUND.label}, over JPEG2000",
            hovertemplate="%{fullData.name}\n%{x:.3g}: %{y:+.3f} dB<extra></extra>",
        )
    return line
