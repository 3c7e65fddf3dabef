"""Draw rate-distortion panels: networks, codecs, linear references, bound, floor, other data.

One figure has one metric and one axis: nominal ratio and real rate are never in one figure. Every
figure carries its footing (corpus, group, bounds, images), because scores without it mean nothing.
"""

import math
from dataclasses import dataclass

import plotly.graph_objects as go

from analysis.kinds import kind_words
from analysis.page.figure_parts import RATE_AXIS, RATIO_AXIS, base_figure, with_title
from analysis.page.literal import literal
from analysis.page.palette import GAUSSIAN_BOUND, GREY, style_of
from analysis.rates.bound import add_bound
from analysis.rates.curves import RateDistortion, RatePanel
from analysis.rates.gain_panel import UPPER, add_gain_panel
from analysis.rates.labels import ROOM_PX, Line, View, add_labels
from analysis.rates.marks import Axis, add_curve, place_of, points_of, score_of
from analysis.rates.points import ARCHITECTURES, METRICS, RateCurve
from analysis.rates.shown import shown_bound, shown_gains

HEIGHT_PX, TALL_PX = 480, 550
"""Of a figure, and of one in two parts."""

AROUND_PX = 130
"""Of the height, what title, axis and legend take."""

BEFORE, BEYOND = 1.12, 1.04
"""How far the view reaches beyond the outer points, as factors: the names of lines stand right."""

LONE = 2.2
"""The same where all points have about one rate."""

CODECS = ("codec", "reference")
"""Kinds of curves that are labelled at their end."""

NO_LINE = Line("", (), ())

METRIC_NAMES = {"psnr_db": "PSNR, dB", "ssim": "SSIM", "rmse_db": "RMSE, dB of backscatter"}


@dataclass(frozen=True)
class OtherPoint:
    """A published score on other data: for orientation, never for comparison.

    Attributes:
        label: What it is.
        ratio: Nominal ratio.
        psnr_db: As published.
        ssim: As published.
    """

    label: str
    ratio: int
    psnr_db: float
    ssim: float


PREDECESSOR = (
    OtherPoint("baseline, 2.3 M parameters", 16, 20.5, 0.646),
    OtherPoint("ResNet-Lite, 5.6 M parameters", 16, 21.2, 0.726),
)
"""README of AdamDuffyCastaldo/CNNAutoencoderProject at 31beaf8: other scenes, other bounds."""


@literal
def draw_rate_distortion(
    result: RateDistortion, panel: int = 0, metric: str = "psnr_db", against: Axis = "rate"
) -> go.Figure:
    """Return one metric of one panel against the real rate or the nominal ratio.

    Args:
        result: What `compute_rate_distortion` gave.
        panel: Number of the panel: those of bytes come first, of these that with the most images.
        metric: psnr_db, ssim or rmse_db.
        against: rate for real bits per pixel on a log axis, ratio for the nominal ratio.

    Raises:
        ValueError: If there is no such metric.

    Example:
        >>> len(draw_rate_distortion(RateDistortion((), ())).data)
        0
    """
    if metric not in METRICS:
        raise ValueError(f"a metric is one of {METRICS}, found {metric!r}: choose one of these")
    figure = base_figure()
    if not result.panels:
        return with_title(figure, "No rate-distortion scores yet")
    shown = result.panels[panel]
    gains = shown_gains(shown, metric, against)
    for curve in shown.curves:
        add_curve(figure, curve, metric, against, has_band=not gains)
    bound = shown_bound(shown, metric, against)
    add_bound(figure, bound)
    floor = _floor_line(shown, metric, against)
    _add_floor(figure, floor)
    if against == "ratio":
        _add_other_data(figure, metric)
    figure.update_xaxes(**(RATIO_AXIS if against == "ratio" else RATE_AXIS))
    figure.update_yaxes(title=METRIC_NAMES[metric])
    figure.update_layout(
        height=TALL_PX if gains else HEIGHT_PX,
        margin={"r": ROOM_PX},
        font={"size": 14},
        legend={"font": {"size": 14}},
    )
    view = _view(shown, metric, against, is_upper=bool(gains))
    if view is not None:
        figure.update_xaxes(range=[math.log10(end) for end in view.x])
        figure.update_yaxes(range=view.y)
        lines = [_line_of(c, metric, against) for c in shown.curves if c.kind in CODECS]
        rates, heights = [p.rate_bpp for p in bound], [p.psnr_db for p in bound]
        add_labels(figure, [*lines, Line(GAUSSIAN_BOUND.label, rates, heights), floor], view)
        if gains:
            add_gain_panel(figure, gains, bound, view.x, TALL_PX - AROUND_PX)
    return with_title(figure, panel_words(shown))


def panel_words(panel: RatePanel) -> str:
    """Return what a figure of the panel must say of its pixels."""
    trained = [curve for curve in panel.curves if curve.kind in ARCHITECTURES]
    seeds = sorted({p.num_seeds for curve in trained for p in (*curve.uncoded, *curve.trained)})
    counts = " to ".join(str(count) for count in sorted({seeds[0], seeds[-1]})) if seeds else "no"
    footing = panel.footing.words.replace("), ", ")\n", 1)
    return (
        f"{footing}\n{panel.num_images} test images, {counts} seeds, 95 % intervals over both, "
        f"{kind_words(panel.rate)}"
    )


def _floor_line(panel: RatePanel, metric: str, against: Axis) -> Line:
    """Return the line of a perfect despeckler; SSIM has no such closed form."""
    height = {"psnr_db": panel.floor_psnr_db, "rmse_db": panel.floor_rmse_db}.get(metric)
    places = [place_of(point, against) for c in panel.curves for point in points_of(c, against)]
    if height is None or not places:
        return NO_LINE
    return Line("speckle floor", (min(places), max(places)), (height, height))


def _add_floor(figure: go.Figure, floor: Line) -> None:
    if not floor.x:
        return
    figure.add_scatter(
        x=floor.x,
        y=floor.y,
        mode="lines",
        line={"color": GREY, "width": 1.5, "dash": "5px,3px,1px,3px"},
        name="speckle floor",
        showlegend=False,
        hovertemplate="speckle removed: %{y:.2f}<extra></extra>",
    )


def _line_of(curve: RateCurve, metric: str, against: Axis) -> Line:
    """Return the line of a codec as it is drawn."""
    points = curve.uncoded if against == "ratio" else curve.front
    return Line(
        style_of(curve.name).label,
        [place_of(point, against) for point in points],
        [score_of(point, metric).mean for point in points],
    )


def _view(panel: RatePanel, metric: str, against: Axis, *, is_upper: bool) -> View | None:
    """Return what is in view: as far as architectures were trained, or codecs without any."""
    own = [curve for curve in panel.curves if curve.kind in ARCHITECTURES]
    points = [p for c in own for p in (c.trained or c.front if against == "rate" else c.uncoded)]
    points = points or [p for c in panel.curves for p in points_of(c, against)]
    if not points:
        return None
    places = [place_of(point, against) for point in points]
    x = min(places) / BEFORE, max(places) * BEYOND
    if max(places) < LONE * min(places):  # of one rate alone: its neighbours are seen too
        x = min(places) / LONE, max(places) * LONE
    scores = [
        end
        for curve in panel.curves
        for point in points_of(curve, against)
        if x[0] <= place_of(point, against) <= x[1]
        for end in (score_of(point, metric).mean, *score_of(point, metric).ends)
        if not math.isnan(end)
    ]
    scores += [p.psnr_db for p in shown_bound(panel, metric, against) if x[0] <= p.rate_bpp <= x[1]]
    if metric == "psnr_db" and against == "ratio":
        scores += [point.psnr_db for point in PREDECESSOR if x[0] <= point.ratio <= x[1]]
    margin = 0.04 * (max(scores) - min(scores)) or 0.1
    share = (UPPER[1] - UPPER[0]) if is_upper else 1.0
    height_px = share * ((TALL_PX if is_upper else HEIGHT_PX) - AROUND_PX)
    return View(x, (min(scores) - margin, max(scores) + margin), height_px)


def _add_other_data(figure: go.Figure, metric: str) -> None:
    if metric == "rmse_db":  # was not published
        return
    figure.add_scatter(
        x=[point.ratio for point in PREDECESSOR],
        y=[getattr(point, metric) for point in PREDECESSOR],
        text=[point.label for point in PREDECESSOR],
        mode="markers",
        marker={"color": GREY, "symbol": "asterisk-open", "size": 10, "line": {"width": 1.5}},
        opacity=0.6,
        name="predecessor, other data",
        hovertemplate="predecessor: %{text}, other data: %{y}<extra></extra>",
    )
