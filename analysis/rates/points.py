"""Points and curves on the rate-distortion plane, and which points of a curve are its line."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.intervals import Matrix, interval
from analysis.kinds import BYTES
from tune.statistics.intervals import Interval
from tune.statistics.rate_points import step_ranks

METRICS = ("psnr_db", "ssim", "rmse_db")
LINEAR = "linear"
"""The architecture without a network: a trained linear codec, the opponent of every network."""

Kind = Literal["network", "linear", "codec", "reference"]
ARCHITECTURES = ("network", "linear")
"""Kinds of curves that were trained."""


@dataclass(frozen=True)
class RatePoint:
    """One setting of a network or codec on all images of a footing.

    Attributes:
        ratio: Nominal ratio.
        quantiser_step: Step of the quantiser, mean over seeds, which choose their own; NaN where
            nothing was quantised or rate was set.
        step_scale: Factor on the steps that meet the rate which was trained for, 1 for the point
            of that rate; NaN where there is no such rate.
        rate_bpp: Mean of the real bits per pixel; NaN where nothing was coded.
        psnr_db: PSNR, mean over images and seeds.
        ssim: SSIM, mean over images and seeds.
        rmse_db: Root mean square error of the backscatter, mean over images and seeds.
        ms_ssim: MS-SSIM, mean over images and seeds; NaN where an image is too small for it.
        num_seeds: Seeds.
        num_images: Images.
    """

    ratio: int
    quantiser_step: float
    step_scale: float
    rate_bpp: float
    psnr_db: Interval
    ssim: Interval
    rmse_db: Interval
    ms_ssim: float
    num_seeds: int
    num_images: int


@dataclass(frozen=True)
class RateCurve:
    """All points of an architecture or codec.

    Attributes:
        name: Of the architecture or codec.
        kind: What it is.
        uncoded: Unquantised points by rising ratio; a codec's nominal targets.
        coded: Points with real bytes, by rising rate.
        front: Its line: the points of `coded` that no other of them beats in both rate and PSNR;
            of architectures that were trained for a rate, the operating curve.
    """

    name: str
    kind: Kind
    uncoded: tuple[RatePoint, ...]
    coded: tuple[RatePoint, ...]
    front: tuple[RatePoint, ...]

    @property
    def trained(self) -> tuple[RatePoint, ...]:
        """The points at the rates that were trained for, by rising rate."""
        return tuple(point for point in self.coded if point.step_scale == 1)


def make_curve(name: str, kind: Kind, rows: pd.DataFrame, rate: str) -> RateCurve:
    """Return the curve of one architecture's or codec's rows.

    Args:
        name: Its name.
        kind: What it is.
        rows: Of the table test or codecs, with `seed` in both.
        rate: What the ratios of the studies count.
    """
    is_trained = kind in ARCHITECTURES
    # Seeds of a network have steps of their own, so that only their ranks match.
    setting = step_ranks(rows) if is_trained else rows["quantiser_step"]
    points = [_point(group) for _, group in rows.groupby(["ratio", setting], dropna=False)]
    is_target = kind == "codec"  # set by its rate, so that each point has a nominal ratio too
    uncoded = [p for p in points if is_target or math.isnan(p.rate_bpp)]
    coded = [point for point in points if not math.isnan(point.rate_bpp)]
    coded.sort(key=lambda point: point.rate_bpp)
    line = operating_line if is_trained and rate == BYTES else front_of
    return RateCurve(
        name,
        kind,
        tuple(sorted(uncoded, key=lambda point: point.ratio)),
        tuple(coded),
        line(coded),
    )


def front_of(by_rate: Sequence[RatePoint]) -> tuple[RatePoint, ...]:
    """Return points that are better than every cheaper one; the points come by rising rate."""
    kept: list[RatePoint] = []
    for point in by_rate:
        if not kept or point.psnr_db.mean > kept[-1].psnr_db.mean:
            if kept and kept[-1].rate_bpp == point.rate_bpp:
                kept.pop()
            kept.append(point)
    return tuple(kept)


def operating_line(by_rate: Sequence[RatePoint]) -> tuple[RatePoint, ...]:
    """Return the points that were trained for, and beyond their ends what the end models reach.

    Between two of them another step of either model is a worse choice than a model trained for the
    rate: the front would mix both and hide that. The points come by rising rate.
    """
    trained = front_of([point for point in by_rate if point.step_scale == 1])
    if not trained:
        return ()
    first, last = trained[0], trained[-1]
    below = [p for p in by_rate if p.ratio == first.ratio and _is_beaten(p, first)]
    above = [p for p in by_rate if p.ratio == last.ratio and _is_beaten(last, p)]
    return (*front_of(below), *trained, *front_of(above))


def _is_beaten(point: RatePoint, other: RatePoint) -> bool:
    """Whether a point is cheaper than another and worse."""
    return point.rate_bpp < other.rate_bpp and point.psnr_db.mean < other.psnr_db.mean


def _point(rows: pd.DataFrame) -> RatePoint:
    scores = dict(zip(METRICS, by_seed_and_image(rows, METRICS), strict=True))
    scale = rows["step_scale"].iloc[0] if "step_scale" in rows else math.nan
    return RatePoint(
        ratio=int(rows["ratio"].iloc[0]),
        quantiser_step=float(rows["quantiser_step"].mean()),
        step_scale=float(scale),
        rate_bpp=float(rows["rate_bpp"].mean()),
        psnr_db=interval(scores["psnr_db"]),
        ssim=interval(scores["ssim"]),
        rmse_db=interval(scores["rmse_db"]),
        ms_ssim=float(rows["ms_ssim"].mean(skipna=False)),
        num_seeds=scores["psnr_db"].shape[0],
        num_images=scores["psnr_db"].shape[1],
    )


def by_seed_and_image(rows: pd.DataFrame, columns: Sequence[str]) -> Matrix:
    """Return columns as matrices [columns, seeds, images], of the images that every seed has."""
    seeds, seed_names = pd.factorize(rows["seed"], sort=True)
    images, image_names = pd.factorize(rows["image"], sort=True)
    scores = np.full((len(columns), len(seed_names), len(image_names)), np.nan)
    scores[:, seeds, images] = rows[list(columns)].to_numpy(dtype=np.float64).T
    return scores[:, :, np.isfinite(scores).all(axis=(0, 1))]
