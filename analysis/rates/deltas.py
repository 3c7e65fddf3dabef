"""Bjøntegaard deltas of the curves of a panel: which curves are compared with which."""

from collections.abc import Sequence

import numpy as np

from analysis.kinds import BYTES, ELEMENTS
from analysis.rates.bjontegaard import Delta, Numbers, compare_curves
from analysis.rates.points import ARCHITECTURES, LINEAR, RateCurve
from tune.statistics.rate_points import CLASSICAL_CODECS

ANCHORS = {
    BYTES: (*CLASSICAL_CODECS, "block_klt", LINEAR),
    ELEMENTS: ("jpeg2000", "baseline"),
}
"""What Bjøntegaard deltas are taken against."""


def compute_deltas(curves: Sequence[RateCurve], rate: str) -> tuple[Delta, ...]:
    """Return every architecture against every anchor; for elements the codecs too.

    Args:
        curves: Of a panel.
        rate: What its ratios count.
    """
    by_name = {curve.name: curve for curve in curves if curve.coded}
    return tuple(
        compare_curves(curve.name, *_line(curve), anchor, *_line(by_name[anchor]))
        for anchor in ANCHORS[rate]
        if anchor in by_name
        for curve in by_name.values()
        if curve.name != anchor and curve.kind != "reference"
        if curve.kind in ARCHITECTURES or (anchor == "jpeg2000" and rate != BYTES)
    )


def _line(curve: RateCurve) -> tuple[Numbers, Numbers]:
    return (
        np.array([point.rate_bpp for point in curve.front]),
        np.array([point.psnr_db.mean for point in curve.front]),
    )
