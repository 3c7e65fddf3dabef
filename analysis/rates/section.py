"""Sections of rate-distortion: every metric on both axes, and Bjøntegaard deltas, per footing."""

import pandas as pd

from analysis.page.palette import style_of
from analysis.page.section import NamedFigure, NamedTable, Section
from analysis.rates.curves import RateDistortion, RatePanel
from analysis.rates.figure import Axis, draw_rate_distortion, rate_distortion_frame

_METRIC_WORDS = {
    "psnr_db": "PSNR, mean over images of the PSNR of each",
    "ssim": "SSIM, Gaussian window of 11 pixels",
    "rmse_db": "Root mean square error of the backscatter; does not depend on the bounds",
}
_AXIS_WORDS: dict[Axis, str] = {
    "rate": "against real bits per pixel, all bytes that a decoder needs, on a log axis",
    "ratio": "against the nominal ratio, latents unquantised",
}


def rate_sections(result: RateDistortion) -> tuple[Section, ...]:
    """Return one section per footing; the answer already has PSNR of the first."""
    return tuple(_section(result, number) for number in range(len(result.panels)))


def _section(result: RateDistortion, number: int) -> Section:
    panel = result.panels[number]
    metrics = tuple(_METRIC_WORDS) if number else ("ssim", "rmse_db")
    above = "" if number else " PSNR stands with the answer."
    return Section(
        f"Rate-distortion: {panel.footing.group} {panel.footing.polarisation.upper()}",
        f"rate-{number + 1}",
        (
            f"Measured on the {panel.num_images} test images of {panel.footing.words}.{above} "
            "Scores on other bounds are in sections of their own and do not compare, except "
            "RMSE in dB.",
            f"Speckle floor: an image returned without its speckle would have "
            f"{panel.floor_psnr_db:.2f} dB PSNR, {panel.floor_rmse_db:.2f} dB RMSE, if the "
            f"original has {panel.looks:g} looks (assumed, not measured).",
        ),
        tuple(
            NamedFigure(
                f"rate_{number + 1}_{metric}_{against}",
                f"{_METRIC_WORDS[metric]}, {_AXIS_WORDS[against]}.",
                draw_rate_distortion(result, number, metric, against),
                rate_distortion_frame(panel, metric, against),
                is_main=number == 0,
            )
            for metric in metrics
            for against in _AXIS_WORDS
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
