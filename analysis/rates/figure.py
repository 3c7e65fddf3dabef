"""Draw rate-distortion panels: networks, codecs, linear references, bound, floor, other data.

One figure has one metric and one axis: nominal ratio and real rate are never in one figure. Every
figure carries its footing (corpus, group, bounds, images), because scores without it mean nothing.
"""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from analysis.kinds import kind_words
from analysis.page.figure_parts import RATE_AXIS, RATIO_AXIS, base_figure, with_title
from analysis.page.palette import GREY
from analysis.rates.bound import BOUND_NAME, BoundPoint, add_bound, within
from analysis.rates.curves import RateDistortion, RatePanel
from analysis.rates.marks import Axis, add_curve, place_of, points_of, score_of
from analysis.rates.points import ARCHITECTURES, METRICS

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
    if against == "rate":
        _add_front(figure, shown, metric)
    for curve in shown.curves:
        add_curve(figure, curve, metric, against)
    add_bound(figure, _shown_bound(shown, metric, against))
    _add_floor(figure, shown, metric, against)
    if against == "ratio":
        _add_other_data(figure, metric)
        figure.update_xaxes(**RATIO_AXIS)
    else:
        figure.update_xaxes(**RATE_AXIS)
    figure.update_yaxes(title=METRIC_NAMES[metric])
    return with_title(figure, panel_words(shown))


def rate_distortion_frame(panel: RatePanel, metric: str, against: Axis) -> pd.DataFrame:
    """Return the numbers of a figure, one row per point; the bound has neither ratio nor seeds."""
    front = {id(point) for _, point in panel.front}
    frame = pd.DataFrame(
        [
            {
                "curve": curve.name,
                "ratio": point.ratio,
                "quantiser_step": point.quantiser_step,
                "step_scale": point.step_scale,
                "rate_bpp": point.rate_bpp,
                metric: score_of(point, metric).mean,
                "low": score_of(point, metric).ends[0],
                "high": score_of(point, metric).ends[1],
                "num_seeds": point.num_seeds,
                "num_images": point.num_images,
                "on_front_of_networks": id(point) in front,
                **_footing_columns(panel),
            }
            for curve in panel.curves
            for point in points_of(curve, against)
        ]
        + [
            {
                "curve": BOUND_NAME,
                "rate_bpp": point.rate_bpp,
                metric: point.psnr_db,
                "num_images": point.num_images,
                "on_front_of_networks": False,
                **_footing_columns(panel),
            }
            for point in _shown_bound(panel, metric, against)
        ]
    )
    counts = [name for name in ("ratio", "num_seeds", "num_images") if name in frame]
    return frame.astype(dict.fromkeys(counts, "Int64"))


def panel_words(panel: RatePanel) -> str:
    """Return what a figure of the panel must say of its pixels."""
    trained = [curve for curve in panel.curves if curve.kind in ARCHITECTURES]
    seeds = sorted({p.num_seeds for curve in trained for p in (*curve.uncoded, *curve.trained)})
    counts = " to ".join(str(count) for count in sorted({seeds[0], seeds[-1]})) if seeds else "no"
    footing = panel.footing.words.replace("), ", "),<br>", 1)
    return (
        f"{footing}<br>{panel.num_images} test images, {counts} seeds, 95 % intervals over both, "
        f"{kind_words(panel.rate)}"
    )


def _footing_columns(panel: RatePanel) -> dict[str, Any]:
    footing = panel.footing
    return {
        "ratio_counts": panel.rate,
        "corpus": footing.corpus,
        "corpus_fingerprint": footing.corpus_fingerprint,
        "group": footing.group,
        "polarisation": footing.polarisation,
        "crop_px": footing.crop_px,
        "low_db": footing.low_db,
        "high_db": footing.high_db,
    }


def _add_front(figure: go.Figure, panel: RatePanel, metric: str) -> None:
    """Add the networks' front in rate and PSNR as a broad pale band below everything."""
    if panel.front:
        figure.add_scatter(
            x=[point.rate_bpp for _, point in panel.front],
            y=[score_of(point, metric).mean for _, point in panel.front],
            mode="lines",
            line={"color": GREY, "width": 9},
            opacity=0.3,
            name="front of the networks",
            hoverinfo="skip",
        )


def _shown_bound(panel: RatePanel, metric: str, against: Axis) -> tuple[BoundPoint, ...]:
    """Return the bound where it can be drawn: in PSNR against the rate, as far as curves reach."""
    if metric != "psnr_db" or against != "rate":
        return ()
    return within(panel.bound, [point.rate_bpp for c in panel.curves for point in c.coded])


def _add_floor(figure: go.Figure, panel: RatePanel, metric: str, against: Axis) -> None:
    """Add the line of a perfect despeckler; SSIM has no such closed form."""
    height = {"psnr_db": panel.floor_psnr_db, "rmse_db": panel.floor_rmse_db}.get(metric)
    places = [place_of(point, against) for c in panel.curves for point in points_of(c, against)]
    if height is None or not places:
        return
    figure.add_scatter(
        x=[min(places), max(places)],
        y=[height, height],
        mode="lines",
        line={"color": GREY, "width": 1.5, "dash": "5px,3px,1px,3px"},
        name=f"speckle removed, {panel.looks:g} looks assumed",
        hovertemplate="speckle floor: %{y:.2f}<extra></extra>",
    )


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
