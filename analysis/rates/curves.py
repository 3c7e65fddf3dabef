"""Rate-distortion: what a test image costs and how well it comes back, as values.

Takes the frames, gives one `RatePanel` per footing (corpus, crop, group, bounds): scores on
different footings are never put into one panel. Networks are the best candidate of each promotion;
all scores are on test images, unquantised against the nominal ratio, and coded against real bits
per pixel. Drawing is `analysis.rates.figure`'s.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from analysis.frames import Frames
from analysis.intervals import interval, paired_interval
from analysis.page.palette import architecture_order
from analysis.rates.bjontegaard import Delta, Numbers, compare_curves
from analysis.rates.bound import BoundPoint, bound_points
from analysis.rates.floor import ASSUMED_LOOKS, speckle_db
from analysis.rates.footing import Footing, split_by_footing
from analysis.rates.selection import (
    best_candidates,
    complete_images,
    complete_settings,
    on_common_images,
)
from tune.statistics.intervals import Interval
from tune.statistics.rate_points import CLASSICAL_CODECS, step_ranks

METRICS = ("psnr_db", "ssim", "rmse_db")
REFERENCES = ("block_klt", "down_up")

Kind = Literal["network", "codec", "reference"]


@dataclass(frozen=True)
class RatePoint:
    """One setting of a network or codec on all images of a footing.

    Attributes:
        ratio: Nominal ratio.
        quantiser_step: Step of the quantiser, mean over seeds, which choose their own; NaN where
            nothing was quantised or rate was set.
        rate_bpp: Mean of the real bits per pixel; NaN where nothing was coded.
        psnr_db: PSNR, mean over images and seeds.
        ssim: SSIM, mean over images and seeds.
        rmse_db: Root mean square error of the backscatter, mean over images and seeds.
        num_seeds: Seeds.
        num_images: Images.
    """

    ratio: int
    quantiser_step: float
    rate_bpp: float
    psnr_db: Interval
    ssim: Interval
    rmse_db: Interval
    num_seeds: int
    num_images: int


@dataclass(frozen=True)
class RateCurve:
    """All points of a network architecture or codec.

    Attributes:
        name: Of the architecture or codec.
        kind: What it is.
        uncoded: Unquantised points by rising ratio; a codec's nominal targets.
        coded: Points with real bytes, by rising rate.
        front: The points of `coded` that no other of them beats in both rate and PSNR.
    """

    name: str
    kind: Kind
    uncoded: tuple[RatePoint, ...]
    coded: tuple[RatePoint, ...]
    front: tuple[RatePoint, ...]


@dataclass(frozen=True)
class Lead:
    """How far the best architecture is ahead at a ratio, unquantised, by test PSNR.

    Attributes:
        ratio: Nominal ratio.
        best: The best architecture.
        psnr_db: Its PSNR.
        second: The next one; "" where there is none.
        ahead_db: Best minus second, paired by image; NaN where there is none.
    """

    ratio: int
    best: str
    psnr_db: Interval
    second: str
    ahead_db: Interval


@dataclass(frozen=True)
class RatePanel:
    """Everything on one footing.

    Attributes:
        footing: What was measured on.
        num_images: Test images that all curves share.
        curves: Networks first, then codecs, then linear references.
        leads: The best architecture per ratio.
        front: Points of networks, with their names, that no network beats in both rate and PSNR.
        bound: Of a Gaussian field with the images' spectrum; empty where it was not computed.
        floor_psnr_db: PSNR of the original without its speckle, at the assumed looks.
        floor_rmse_db: The same as root mean square error.
        looks: Looks that the floor assumes.
        deltas: Bjøntegaard deltas against JPEG2000 and against baseline.
        notes: What was left out and why.
    """

    footing: Footing
    num_images: int
    curves: tuple[RateCurve, ...]
    leads: tuple[Lead, ...]
    front: tuple[tuple[str, RatePoint], ...]
    bound: tuple[BoundPoint, ...]
    floor_psnr_db: float
    floor_rmse_db: float
    looks: float
    deltas: tuple[Delta, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RateDistortion:
    """Panels, the footing with the most images first, and what could not be shown."""

    panels: tuple[RatePanel, ...]
    notes: tuple[str, ...]


def compute_rate_distortion(frames: Frames, looks: float = ASSUMED_LOOKS) -> RateDistortion:
    """Return the rate-distortion panels of all promotions that have test scores.

    Args:
        frames: Tables of a results folder.
        looks: Equivalent number of looks that the speckle floor assumes.
    """
    best, notes = best_candidates(frames)
    test = frames.test.merge(best, on=["study", "candidate"])
    is_finite = np.isfinite(test["psnr_db"])
    if not is_finite.all():
        notes = (f"{(~is_finite).sum()} test scores left out that are not finite", *notes)
        test = test[is_finite]
    codecs = frames.codecs.drop_duplicates(
        ["corpus_fingerprint", "codec", "ratio", "image", "crop_px", "low_db", "quantiser_step"]
    )
    if test.empty:
        return RateDistortion((), (*notes, "no promoted run has test scores yet"))
    panels = tuple(
        _panel(footing, tables, looks)
        for footing, tables in split_by_footing(test, codecs, frames.bounds).items()
    )
    return RateDistortion(panels, notes)


def _panel(footing: Footing, tables: tuple[pd.DataFrame, ...], looks: float) -> RatePanel:
    test, codecs, bounds = tables
    test, left_out = on_common_images(test)
    images = set(test["image"])
    complete, incomplete = complete_settings(codecs[codecs["image"].isin(images)], len(images))
    curves = [
        _curve(arch, "network", test[test["arch"] == arch])
        for arch in architecture_order(set(test["arch"]))
    ]
    kinds: tuple[tuple[Kind, Sequence[str]], ...] = (
        ("codec", CLASSICAL_CODECS),
        ("reference", REFERENCES),
    )
    absent = []
    for kind, names in kinds:
        for name in names:
            rows = complete[complete["codec"] == name]
            if rows.empty:
                absent.append(f"no scores of {name} on these images")
            else:
                curves.append(_curve(name, kind, rows.assign(seed=0)))
    floor_rmse_db = speckle_db(looks)
    return RatePanel(
        footing=footing,
        num_images=len(images),
        curves=tuple(curves),
        leads=_leads(test),
        front=_joint_front(curves),
        bound=bound_points(bounds),
        floor_psnr_db=20 * math.log10(footing.range_db / floor_rmse_db),
        floor_rmse_db=floor_rmse_db,
        looks=looks,
        deltas=_deltas(curves),
        notes=(*left_out, *incomplete, *absent),
    )


def _curve(name: str, kind: Kind, rows: pd.DataFrame) -> RateCurve:
    # Seeds of a network have steps of their own, so that only their ranks match.
    setting = step_ranks(rows) if kind == "network" else "quantiser_step"
    points = [_point(group) for _, group in rows.groupby(["ratio", setting], dropna=False)]
    is_target = kind == "codec"  # set by its rate, so that each point has a nominal ratio too
    uncoded = [p for p in points if is_target or math.isnan(p.rate_bpp)]
    coded = [point for point in points if not math.isnan(point.rate_bpp)]
    coded.sort(key=lambda point: point.rate_bpp)
    return RateCurve(
        name,
        kind,
        tuple(sorted(uncoded, key=lambda point: point.ratio)),
        tuple(coded),
        _front(coded),
    )


def _point(rows: pd.DataFrame) -> RatePoint:
    scores = dict(zip(METRICS, _by_seed_and_image(rows, METRICS), strict=True))
    return RatePoint(
        ratio=int(rows["ratio"].iloc[0]),
        quantiser_step=float(rows["quantiser_step"].mean()),
        rate_bpp=float(rows["rate_bpp"].mean()),
        psnr_db=interval(scores["psnr_db"]),
        ssim=interval(scores["ssim"]),
        rmse_db=interval(scores["rmse_db"]),
        num_seeds=scores["psnr_db"].shape[0],
        num_images=scores["psnr_db"].shape[1],
    )


def _leads(test: pd.DataFrame) -> tuple[Lead, ...]:
    unquantised = test[test["rate_bpp"].isna()]
    found = []
    for ratio in sorted(set(unquantised["ratio"])):
        rows = complete_images(unquantised[unquantised["ratio"] == ratio])
        if rows.empty:  # the architectures share no image
            continue
        scores = {
            arch: _by_seed_and_image(rows[rows["arch"] == arch], ["psnr_db"])[0]
            for arch in architecture_order(set(rows["arch"]))
        }
        order = sorted(scores, key=lambda arch: -float(np.mean(scores[arch])))
        best, second = order[0], order[1] if len(order) > 1 else ""
        nothing = Interval(math.nan)
        ahead_db = paired_interval(scores[best], scores[second]) if second else nothing
        found.append(Lead(int(ratio), best, interval(scores[best]), second, ahead_db))
    return tuple(found)


def _by_seed_and_image(rows: pd.DataFrame, columns: Sequence[str]) -> Numbers:
    """Return columns as matrices [columns, seeds, images], of the images that every seed has."""
    seeds, seed_names = pd.factorize(rows["seed"], sort=True)
    images, image_names = pd.factorize(rows["image"], sort=True)
    scores = np.full((len(columns), len(seed_names), len(image_names)), np.nan)
    scores[:, seeds, images] = rows[list(columns)].to_numpy(dtype=np.float64).T
    return scores[:, :, np.isfinite(scores).all(axis=(0, 1))]


def _front(by_rate: Sequence[RatePoint]) -> tuple[RatePoint, ...]:
    """Return points that are better than every cheaper one; the points come by rising rate."""
    kept: list[RatePoint] = []
    for point in by_rate:
        if not kept or point.psnr_db.mean > kept[-1].psnr_db.mean:
            if kept and kept[-1].rate_bpp == point.rate_bpp:
                kept.pop()
            kept.append(point)
    return tuple(kept)


def _joint_front(curves: Sequence[RateCurve]) -> tuple[tuple[str, RatePoint], ...]:
    networks = [(c.name, point) for c in curves if c.kind == "network" for point in c.coded]
    names = {id(point): name for name, point in networks}
    by_rate = sorted((point for _, point in networks), key=lambda point: point.rate_bpp)
    return tuple((names[id(point)], point) for point in _front(by_rate))


def _deltas(curves: Sequence[RateCurve]) -> tuple[Delta, ...]:
    by_name = {curve.name: curve for curve in curves if curve.coded}
    return tuple(
        compare_curves(curve.name, *_line(curve), anchor, *_line(by_name[anchor]))
        for anchor in ("jpeg2000", "baseline")
        if anchor in by_name
        for curve in by_name.values()
        if curve.name != anchor and curve.kind != "reference"
        if not (anchor == "baseline" and curve.kind == "codec")
    )


def _line(curve: RateCurve) -> tuple[Numbers, Numbers]:
    return (
        np.array([point.rate_bpp for point in curve.front]),
        np.array([point.psnr_db.mean for point in curve.front]),
    )
