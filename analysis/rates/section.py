"""Sections of rate-distortion: every metric on both axes, and Bjøntegaard deltas, per footing."""

import pandas as pd

from analysis.kinds import BYTES, kind_words
from analysis.page.palette import style_of
from analysis.page.section import NamedFigure, NamedTable, Section
from analysis.rates.curves import RateDistortion, RatePanel
from analysis.rates.figure import draw_rate_distortion
from analysis.rates.finding import finding
from analysis.rates.marks import Axis
from analysis.rates.shown import rate_distortion_frame

_METRIC_WORDS = {
    "psnr_db": "PSNR, mean over images of the PSNR of each",
    "ssim": "SSIM, Gaussian window of 11 pixels",
    "rmse_db": "Root mean square error of the backscatter; does not depend on the bounds",
}
_AXIS_WORDS: dict[Axis, str] = {
    "rate": "against real bits per pixel, all bytes that a decoder needs, on a log axis",
    "ratio": "against the nominal ratio, latents unquantised",
}
OPERATING_WORDS = (
    "Marks: the points that a model was trained for, one per ratio. Faint: the same models at 0.7 "
    "and 1.4 times their steps; beyond both ends they carry the line on."
)
"""How points of models that were trained for a rate are drawn."""


def rate_sections(result: RateDistortion) -> tuple[Section, ...]:
    """Return one section per panel; the answers already have PSNR of the first of each kind."""
    first = {panel.rate: number for number, panel in reversed(list(enumerate(result.panels)))}
    return tuple(
        _section(result, number, is_first=first[panel.rate] == number)
        for number, panel in enumerate(result.panels)
    )


def axes_of(panel: RatePanel) -> tuple[Axis, ...]:
    """Return the axes that a panel has: at a ratio of bytes the rate says the same."""
    return ("rate",) if panel.rate == BYTES else ("rate", "ratio")


def _section(result: RateDistortion, number: int, *, is_first: bool) -> Section:
    panel = result.panels[number]
    metrics = ("ssim", "rmse_db") if is_first else tuple(_METRIC_WORDS)
    above = " PSNR stands with the answer." if is_first else ""
    footing = panel.footing
    return Section(
        f"Rate-distortion: {footing.group} {footing.polarisation.upper()}, "
        f"{kind_words(panel.rate)}",
        f"rate-{number + 1}",
        (
            f"Measured on the {panel.num_images} test images of {footing.words}.{above} "
            "Scores on other bounds are in sections of their own and do not compare, except "
            "RMSE in dB.",
            f"Speckle floor: an image returned without its speckle would have "
            f"{panel.floor_psnr_db:.2f} dB PSNR, {panel.floor_rmse_db:.2f} dB RMSE, if the "
            f"original has {panel.looks:g} looks (assumed, not measured).",
            *((OPERATING_WORDS,) if panel.rate == BYTES else ()),
        ),
        tuple(
            NamedFigure(
                f"rate_{number + 1}_{metric}_{against}",
                f"{_METRIC_WORDS[metric]}, {_AXIS_WORDS[against]}.",
                draw_rate_distortion(result, number, metric, against),
                rate_distortion_frame(panel, metric, against),
                is_main=is_first,
                title=finding(panel, metric, against),
            )
            for metric in metrics
            for against in axes_of(panel)
        ),
        (_delta_table(panel, number),),
    )


def _delta_table(panel: RatePanel, number: int) -> NamedTable:
    columns = [
        "curve",
        "against",
        "BD-rate, %",
        "BD-PSNR, dB",
        "common PSNR",
        "common rate",
        "where",
    ]
    rows = [
        (
            style_of(delta.curve).label,
            style_of(delta.anchor).label,
            delta.bd_rate_percent,
            delta.bd_psnr_db,
            delta.psnr_overlap,
            delta.rate_overlap,
            delta.words,
        )
        for delta in panel.deltas
    ]
    return NamedTable(
        f"bd_{number + 1}",
        "Bjøntegaard deltas (pchip) of the best settings of each: negative BD-rate saves bits, "
        "positive BD-PSNR is better. They hold only where both curves are: common PSNR and common "
        "rate are the share of the joint range; below 0.75 read them with care.",
        pd.DataFrame(rows, columns=columns),
    )
