"""How many bytes an architecture saves against a codec, with an interval.

The mean difference of the logarithm of the rate at equal PSNR: BD-rate where both have enough
points for curves, otherwise the mean over the points that were trained for, against the codec's
line. Its interval has the terms of all others here, one over images and one over seeds. Both are
from the jackknife, which for a mean is Student's interval itself: the number is made again without
one image, or without one seed of one ratio. A seed that is alone has the scatter that is assumed.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.intervals import Matrix
from analysis.rates.bjontegaard import MIN_POINTS, Numbers, log_rate_difference
from analysis.rates.points import RateCurve, RatePoint
from tune.statistics.intervals import (
    NUM_STANDARD_ERRORS,
    SEED_SPREAD_DB,
    Interval,
    mean_half,
    welch_half,
)


@dataclass(frozen=True)
class Saving:
    """An architecture against a codec.

    Attributes:
        curve: The architecture.
        anchor: The codec.
        percent: Bytes at equal PSNR; negative saves.
        span_bpp: Lowest and highest rate of the architecture that it holds for.
        num_ratios: Ratios that the architecture was trained for.
        is_bd: Whether it is BD-rate; otherwise the mean over the points that were trained for.
    """

    curve: str
    anchor: str
    percent: Interval
    span_bpp: tuple[float, float]
    num_ratios: int
    is_bd: bool


@dataclass(frozen=True)
class _Setting:
    """One point as matrices [seeds, images]; codecs have one seed."""

    ratio: int
    rate_bpp: Matrix
    psnr_db: Matrix


Lines = tuple[Numbers, Numbers, Numbers, Numbers]
"""Rates and PSNR of the curve, rates and PSNR of the anchor; all rising."""


def compute_saving(
    curve: RateCurve, rows: pd.DataFrame, anchor: RateCurve, anchor_rows: pd.DataFrame
) -> Saving | None:
    """Return what a curve saves; None where it has no PSNR in common with the anchor.

    Args:
        curve: Of an architecture that was trained for rates.
        rows: Its test rows.
        anchor: Of a codec.
        anchor_rows: Its rows on the same images, with `seed`.
    """
    is_bd = min(len(curve.front), len(anchor.front)) >= MIN_POINTS
    points = curve.front if is_bd else _within(curve.trained, anchor)
    low_db, high_db = _common_psnr(points, anchor.front)
    if not points or (is_bd and low_db >= high_db):
        return None
    settings = _settings(points, rows), _settings(anchor.front, anchor_rows)
    measure = log_rate_difference if is_bd else _mean_log_difference
    difference = measure(*_lines(*settings))
    half = _half(*settings, measure)
    return Saving(
        curve.name,
        anchor.name,
        _percent(difference, half),
        _span_bpp(points, (low_db, high_db)) if is_bd else _span_bpp(points),
        len({point.ratio for point in curve.trained}),
        is_bd,
    )


def _span_bpp(
    points: Sequence[RatePoint], ends_db: tuple[float, float] | None = None
) -> tuple[float, float]:
    """Return the lowest and highest rate of points, or the rates at two PSNR of their line."""
    rates = [point.rate_bpp for point in points]
    if ends_db is None:
        return min(rates), max(rates)
    low, high = np.interp(ends_db, [point.psnr_db.mean for point in points], rates)
    return float(low), float(high)


def _within(points: Sequence[RatePoint], anchor: RateCurve) -> tuple[RatePoint, ...]:
    levels_db = [point.psnr_db.mean for point in anchor.front]
    if len(levels_db) < 2:
        return ()
    return tuple(p for p in points if levels_db[0] <= p.psnr_db.mean <= levels_db[-1])


def _common_psnr(points: Sequence[RatePoint], others: Sequence[RatePoint]) -> tuple[float, float]:
    if not points or not others:
        return math.nan, math.nan
    ends = [sorted(p.psnr_db.mean for p in side) for side in (points, others)]
    return max(end[0] for end in ends), min(end[-1] for end in ends)


def _settings(points: Sequence[RatePoint], rows: pd.DataFrame) -> list[_Setting]:
    """Return the points as matrices of the images that all points and seeds have."""
    tables = []
    for point in points:
        own = rows[rows["ratio"] == point.ratio]
        if not math.isnan(point.step_scale):
            own = own[own["step_scale"] == point.step_scale]
        elif not math.isnan(point.quantiser_step):
            own = own[np.isclose(own["quantiser_step"], point.quantiser_step)]
        wide = own.pivot(index="seed", columns="image", values=["rate_bpp", "psnr_db"])
        tables.append((point.ratio, wide["rate_bpp"], wide["psnr_db"]))
    images = sorted(set.intersection(*(set(psnr.columns) for _, _, psnr in tables)))
    return [_Setting(ratio, r[images].to_numpy(), p[images].to_numpy()) for ratio, r, p in tables]


def _half(
    settings: list[_Setting], anchors: list[_Setting], measure: Callable[..., float]
) -> float | None:
    """Return half of the interval of a measure of two lines; None with one image."""
    num_images = settings[0].psnr_db.shape[1]
    if num_images < 2:
        return None
    over_images = np.array(
        [
            measure(
                *_lines(*([_without_image(s, n) for s in side] for side in (settings, anchors)))
            )
            for n in range(num_images)
        ]
    )
    terms = [mean_half(_pseudo_values(over_images))]
    variances, degrees = [], []
    full = measure(*_lines(settings, anchors))
    for ratio in sorted({setting.ratio for setting in settings}):
        num_seeds = min(len(s.psnr_db) for s in settings if s.ratio == ratio)
        if num_seeds < 2:
            moved = [_moved(s, SEED_SPREAD_DB * (s.ratio == ratio)) for s in settings]
            terms.append(NUM_STANDARD_ERRORS * (measure(*_lines(moved, anchors)) - full))
            continue
        left_out = np.array(
            [
                measure(*_lines([_without_seed(s, n, ratio) for s in settings], anchors))
                for n in range(num_seeds)
            ]
        )
        variances.append(float(np.var(_pseudo_values(left_out), ddof=1)) / num_seeds)
        degrees.append(num_seeds - 1)
    if variances:
        terms.append(welch_half(np.array(variances), np.array(degrees)))
    return math.hypot(*terms)


def _pseudo_values(left_out: Numbers) -> Numbers:
    """Return numbers whose spread is that of the measure, from it without one of each.

    They lack a constant, which no spread has.
    """
    return -(len(left_out) - 1) * left_out


def _lines(settings: Sequence[_Setting], anchors: Sequence[_Setting]) -> Lines:
    return (
        np.array([setting.rate_bpp.mean() for setting in settings]),
        np.array([setting.psnr_db.mean() for setting in settings]),
        np.array([setting.rate_bpp.mean() for setting in anchors]),
        np.array([setting.psnr_db.mean() for setting in anchors]),
    )


def _without_image(setting: _Setting, number: int) -> _Setting:
    return replace(
        setting,
        rate_bpp=np.delete(setting.rate_bpp, number, axis=1),
        psnr_db=np.delete(setting.psnr_db, number, axis=1),
    )


def _without_seed(setting: _Setting, number: int, ratio: int) -> _Setting:
    if setting.ratio != ratio:
        return setting
    return replace(
        setting,
        rate_bpp=np.delete(setting.rate_bpp, number, axis=0),
        psnr_db=np.delete(setting.psnr_db, number, axis=0),
    )


def _moved(setting: _Setting, by_db: float) -> _Setting:
    return replace(setting, psnr_db=setting.psnr_db + by_db)


def _mean_log_difference(
    rate_bpp: Numbers, psnr_db: Numbers, anchor_bpp: Numbers, anchor_db: Numbers
) -> float:
    there = np.interp(psnr_db, anchor_db, np.log10(anchor_bpp))
    return float(np.mean(np.log10(rate_bpp) - there))


def _percent(difference: float, half: float | None) -> Interval:
    def percent(log: float) -> float:
        return 100 * (10**log - 1)

    if half is None or math.isnan(half):
        return Interval(percent(difference))
    return Interval(percent(difference), percent(difference - half), percent(difference + half))
