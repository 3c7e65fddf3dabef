"""Rate-distortion: what a test image costs and how well it comes back, as values.

Takes the frames, gives one `RatePanel` per kind of ratio (bytes or elements) and footing (corpus,
crop, group, bounds): scores on different footings, or of different kinds, are never put into one
panel. Networks are the best candidate of each promotion; all scores are on test images, coded
against real bits per pixel, and for elements unquantised against the nominal ratio. Drawing is
`analysis.rates.figure`'s.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.frames import Frames
from analysis.kinds import BYTES, split_by_kind
from analysis.page.palette import architecture_order
from analysis.rates.bjontegaard import Delta
from analysis.rates.bound import BoundPoint, bound_points
from analysis.rates.deltas import compute_deltas
from analysis.rates.floor import ASSUMED_LOOKS, speckle_db
from analysis.rates.footing import Footing, split_by_footing
from analysis.rates.leads import (
    Lead,
    OverLinear,
    Shortfall,
    compare_with_linear,
    compute_leads,
    find_cells,
    find_shortfalls,
)
from analysis.rates.over_codec import OverCodec, compare_with_codec
from analysis.rates.points import (
    ARCHITECTURES,
    LINEAR,
    METRICS,
    Kind,
    RateCurve,
    RatePoint,
    front_of,
    make_curve,
)
from analysis.rates.savings import Saving, compute_saving
from analysis.rates.selection import (
    best_candidates,
    complete_settings,
    distinct_codecs,
    judged_rows,
    on_common_images,
)
from tune.statistics.rate_points import CLASSICAL_CODECS

REFERENCES = ("block_klt", "down_up")
_SCORES = ("ratio", "image", "quantiser_step", "rate_bpp", *METRICS, "ms_ssim")
TEST_COLUMNS = ("arch", "run", "seed", "step_scale", *_SCORES)
CODEC_COLUMNS = ("codec", *_SCORES)
"""What a panel reads: it picks rows a thousand times, and each time every column is copied."""


@dataclass(frozen=True)
class RatePanel:
    """Everything of one kind of ratio on one footing.

    Attributes:
        rate: What the ratios count, bytes or elements.
        footing: What was measured on.
        num_images: Test images that all curves share.
        curves: Networks first, then the trained linear codec, codecs, and linear references.
        leads: The best architecture per ratio.
        over_linear: The best network per ratio against the trained linear codec.
        shortfalls: What is below JPEG2000 or below the trained linear codec, of bytes.
        savings: Bytes of each architecture against JPEG2000, of bytes; the widest trained first,
            and of equally wide ones that which saves most.
        over_jpeg2000: Every trained point and every codec's against JPEG2000, of bytes.
        front: Points of networks, with their names, that no network beats in both rate and PSNR.
        bound: Of a Gaussian field with the images' spectrum; empty where it was not computed.
        floor_psnr_db: PSNR of the original without its speckle, at the assumed looks.
        floor_rmse_db: The same as root mean square error.
        looks: Looks that the floor assumes.
        deltas: Bjøntegaard deltas, against `analysis.rates.deltas.ANCHORS`.
        notes: What was left out and why.
    """

    rate: str
    footing: Footing
    num_images: int
    curves: tuple[RateCurve, ...]
    leads: tuple[Lead, ...]
    over_linear: tuple[OverLinear, ...]
    shortfalls: tuple[Shortfall, ...]
    savings: tuple[Saving, ...]
    over_jpeg2000: tuple[OverCodec, ...]
    front: tuple[tuple[str, RatePoint], ...]
    bound: tuple[BoundPoint, ...]
    floor_psnr_db: float
    floor_rmse_db: float
    looks: float
    deltas: tuple[Delta, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class RateDistortion:
    """Panels, those of bytes first, the footing with the most images first; what is not shown."""

    panels: tuple[RatePanel, ...]
    notes: tuple[str, ...]


def compute_rate_distortion(frames: Frames, looks: float = ASSUMED_LOOKS) -> RateDistortion:
    """Return the rate-distortion panels of all promotions that have test scores.

    Args:
        frames: Tables of a results folder.
        looks: Equivalent number of looks that the speckle floor assumes.
    """
    panels: list[RatePanel] = []
    notes: list[str] = []
    for rate, part in split_by_kind(frames).items():
        of_kind, of_kind_notes = _panels(part, rate, looks)
        panels += of_kind
        notes += of_kind_notes
    if not panels:
        notes.append("no promoted run has test scores yet")
    return RateDistortion(tuple(panels), tuple(notes))


def _panels(frames: Frames, rate: str, looks: float) -> tuple[list[RatePanel], tuple[str, ...]]:
    best, notes = best_candidates(frames)
    test = frames.test.merge(best, on=["study", "candidate"])
    is_finite = np.isfinite(test["psnr_db"])
    if not is_finite.all():
        notes = (f"{(~is_finite).sum()} test scores left out that are not finite", *notes)
        test = test[is_finite]
    codecs = distinct_codecs(frames.codecs)
    if test.empty:
        return [], notes
    parts = split_by_footing(test, codecs, frames.bounds).items()
    return [_panel(rate, footing, tables, looks) for footing, tables in parts], notes


def _panel(
    rate: str, footing: Footing, tables: tuple[pd.DataFrame, ...], looks: float
) -> RatePanel:
    test, codecs, bounds = tables
    test, left_out = on_common_images(test[list(TEST_COLUMNS)])
    codecs = codecs[list(CODEC_COLUMNS)]
    images = set(test["image"])
    complete, incomplete = complete_settings(codecs[codecs["image"].isin(images)], len(images))
    complete = complete.assign(seed=0)
    curves, absent = _curves(test, complete, rate)
    cells = find_cells(test, rate)
    floor_rmse_db = speckle_db(looks)
    return RatePanel(
        rate=rate,
        footing=footing,
        num_images=len(images),
        curves=tuple(curves),
        leads=compute_leads(cells),
        over_linear=compare_with_linear(cells),
        shortfalls=find_shortfalls(cells, curves, rate),
        savings=_savings(curves, test, complete) if rate == BYTES else (),
        over_jpeg2000=compare_with_codec(curves, test, complete) if rate == BYTES else (),
        front=_joint_front(curves, rate),
        bound=bound_points(bounds),
        floor_psnr_db=20 * math.log10(footing.range_db / floor_rmse_db),
        floor_rmse_db=floor_rmse_db,
        looks=looks,
        deltas=compute_deltas(curves, rate),
        notes=(*left_out, *incomplete, *absent, *_unjudged(test, rate)),
    )


def _curves(
    test: pd.DataFrame, codecs: pd.DataFrame, rate: str
) -> tuple[list[RateCurve], list[str]]:
    """Return all curves, and a sentence for each codec that has none."""
    archs = architecture_order(set(test["arch"]))
    curves = [
        make_curve(
            arch, "linear" if arch == LINEAR else "network", test[test["arch"] == arch], rate
        )
        for arch in archs
    ]
    kinds: tuple[tuple[Kind, Sequence[str]], ...] = (
        ("codec", CLASSICAL_CODECS),
        ("reference", REFERENCES),
    )
    absent = []
    for kind, names in kinds:
        for name in names:
            rows = codecs[codecs["codec"] == name]
            if rows.empty:
                absent.append(f"no scores of {name} on these images")
            else:
                curves.append(make_curve(name, kind, rows, rate))
    return curves, absent


def _unjudged(test: pd.DataFrame, rate: str) -> list[str]:
    """Return a sentence for each cell whose best candidate has no point at the target rate."""
    judged = judged_rows(test, rate)
    cells = [
        set(zip(rows["ratio"].tolist(), rows["arch"].tolist(), strict=True))
        for rows in (test, judged)
    ]
    return [
        f"{arch} at {ratio}x: its best candidate has no point at the target rate, so it is in no "
        "comparison"
        for ratio, arch in sorted(cells[0] - cells[1])
        if rate == BYTES
    ]


def _savings(
    curves: Sequence[RateCurve], test: pd.DataFrame, codecs: pd.DataFrame
) -> tuple[Saving, ...]:
    anchor = next((curve for curve in curves if curve.name == "jpeg2000" and curve.front), None)
    if anchor is None:
        return ()
    anchor_rows = codecs[codecs["codec"] == anchor.name]
    found = [
        compute_saving(curve, test[test["arch"] == curve.name], anchor, anchor_rows)
        for curve in curves
        if curve.kind in ARCHITECTURES
    ]
    kept = [saving for saving in found if saving is not None]
    return tuple(sorted(kept, key=lambda one: (-one.num_ratios, one.percent.mean)))


def _joint_front(curves: Sequence[RateCurve], rate: str) -> tuple[tuple[str, RatePoint], ...]:
    networks = [
        (curve.name, point)
        for curve in curves
        if curve.kind == "network"
        for point in (curve.front if rate == BYTES else curve.coded)
    ]
    names = {id(point): name for name, point in networks}
    by_rate = sorted((point for _, point in networks), key=lambda point: point.rate_bpp)
    return tuple((names[id(point)], point) for point in front_of(by_rate))
