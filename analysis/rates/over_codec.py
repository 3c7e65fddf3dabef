"""How far every curve is above JPEG2000 at equal bytes, paired by image: what a glance must see.

On the plane of rate and PSNR good codecs lie within the width of a line. Their difference to one of
them does not, and the images' own difficulty cancels in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.intervals import Matrix, interval
from analysis.rates.points import ARCHITECTURES, RateCurve, RatePoint
from tune.statistics.intervals import Interval

ANCHOR = "jpeg2000"

SLACK = 0.02
"""How far beyond JPEG2000's own rates a rate may lie, in decades: a codec stays below its budget,
and its line is carried on so far."""


@dataclass(frozen=True)
class OverCodec:
    """One point above JPEG2000.

    Attributes:
        curve: Whose point it is.
        ratio: Its nominal ratio.
        rate_bpp: Its rate.
        gain_db: Its PSNR minus that of JPEG2000 at this rate, which is linear between its own
            points over the logarithm of the rate; paired by image.
    """

    curve: str
    ratio: int
    rate_bpp: float
    gain_db: Interval


def compare_with_codec(
    curves: Sequence[RateCurve], test: pd.DataFrame, codecs: pd.DataFrame
) -> tuple[OverCodec, ...]:
    """Return every trained point, and every point of a codec's line, against JPEG2000.

    Args:
        curves: Of a panel of bytes.
        test: Test rows of the architectures.
        codecs: Rows of the codecs on the same images.
    """
    anchor = _by_image(codecs[codecs["codec"] == ANCHOR])
    if anchor is None:
        return ()
    found = []
    for curve in curves:
        is_trained = curve.kind in ARCHITECTURES
        own = (
            test[test["arch"] == curve.name]
            if is_trained
            else codecs[codecs["codec"] == curve.name]
        )
        for point in curve.trained if is_trained else curve.front:
            gain_db = _gain_db(_rows_of(point, own), point.rate_bpp, anchor)
            if gain_db is not None:
                found.append(OverCodec(curve.name, point.ratio, point.rate_bpp, gain_db))
    return tuple(found)


def _by_image(rows: pd.DataFrame) -> tuple[list[float], pd.DataFrame] | None:
    """Return the rising logarithms of the codec's rates, and its PSNR by image and rate."""
    rows = rows.dropna(subset=["rate_bpp"])
    if rows["ratio"].nunique() < 2:
        return None
    rates = rows.groupby("ratio")["rate_bpp"].mean().sort_values()
    scores = rows.pivot_table(index="image", columns="ratio", values="psnr_db")[rates.index]
    return np.log10(rates).tolist(), scores


def _rows_of(point: RatePoint, rows: pd.DataFrame) -> pd.DataFrame:
    own = rows[(rows["ratio"] == point.ratio) & rows["rate_bpp"].notna()]
    if not math.isnan(point.step_scale):
        return own[own["step_scale"] == point.step_scale]
    if not math.isnan(point.quantiser_step):
        return own[np.isclose(own["quantiser_step"], point.quantiser_step)]
    return own


def _gain_db(
    rows: pd.DataFrame, rate_bpp: float, anchor: tuple[list[float], pd.DataFrame]
) -> Interval | None:
    """Return the difference at a rate; None where JPEG2000 has no such rate."""
    log_rates, scores = anchor
    where = math.log10(rate_bpp)
    if not log_rates[0] - SLACK <= where <= log_rates[-1] + SLACK:
        return None
    wide = rows.pivot_table(index="seed", columns="image", values="psnr_db")
    images = [image for image in wide.columns if image in scores.index]
    if not images:
        return None
    levels = scores.loc[images].to_numpy(dtype=np.float64)
    there = _at(where, np.array(log_rates), levels)
    return interval(wide[images].to_numpy(dtype=np.float64) - there[None, :])


def _at(where: float, log_rates: Matrix, levels: Matrix) -> Matrix:
    """Return levels [images, rates] at a rate, beyond the ends as the last two points go on."""
    right = int(np.clip(np.searchsorted(log_rates, where), 1, len(log_rates) - 1))
    share = (where - log_rates[right - 1]) / (log_rates[right] - log_rates[right - 1])
    there: Matrix = levels[:, right - 1] + share * (levels[:, right] - levels[:, right - 1])
    return there
