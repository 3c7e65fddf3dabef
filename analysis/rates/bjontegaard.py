"""Bjøntegaard deltas: one rate-distortion curve against another, as one number each way.

BD-rate is the mean difference of the logarithm of the rate at equal PSNR, as a percentage: negative
saves bits. BD-PSNR is the mean difference of PSNR at equal rate. Both are means over the interval
that both curves cover, so they say nothing outside it: the overlap stands beside every number.
Piecewise cubic (pchip) as SCIENCE recommends, computed by the package bjontegaard.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MIN_POINTS = 4
"""Fewer points than this do not make a curve."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Delta:
    """A curve against an anchor.

    Attributes:
        curve: Name of the curve.
        anchor: Name of the curve that it is compared with.
        bd_rate_percent: Rate at equal PSNR; negative saves bits; NaN where not computed.
        bd_psnr_db: PSNR at equal rate; positive is better; NaN where not computed.
        psnr_overlap: Share of the two curves' joint PSNR range that both cover, in [0, 1].
        rate_overlap: The same of the logarithm of the rate.
        words: Why there is no number, or where the number holds.
    """

    curve: str
    anchor: str
    bd_rate_percent: float
    bd_psnr_db: float
    psnr_overlap: float
    rate_overlap: float
    words: str


def compare_curves(
    curve: str,
    rate_bpp: Numbers,
    psnr_db: Numbers,
    anchor: str,
    anchor_bpp: Numbers,
    anchor_db: Numbers,
) -> Delta:
    """Return how a curve stands to an anchor.

    Args:
        curve: Its name.
        rate_bpp: Its rates, rising.
        psnr_db: Its PSNR, rising.
        anchor: Name of the anchor.
        anchor_bpp: Its rates, rising.
        anchor_db: Its PSNR, rising.
    """
    nan = float("nan")
    if min(len(rate_bpp), len(anchor_bpp)) < MIN_POINTS:
        words = f"{len(rate_bpp)} and {len(anchor_bpp)} points: a curve needs {MIN_POINTS}"
        return Delta(curve, anchor, nan, nan, nan, nan, words)
    in_psnr, psnr_overlap = _overlap(psnr_db, anchor_db)
    in_rate, rate_overlap = _overlap(np.log10(rate_bpp), np.log10(anchor_bpp))
    return Delta(
        curve,
        anchor,
        _bd("rate", anchor_bpp, anchor_db, rate_bpp, psnr_db) if psnr_overlap > 0 else nan,
        _bd("psnr", anchor_bpp, anchor_db, rate_bpp, psnr_db) if rate_overlap > 0 else nan,
        psnr_overlap,
        rate_overlap,
        (
            (
                f"BD-rate over {in_psnr[0]:.2f} to {in_psnr[1]:.2f} dB"
                if psnr_overlap > 0
                else "no common PSNR"
            )
            + "; "
            + (
                f"BD-PSNR over {10 ** in_rate[0]:.3f} to {10 ** in_rate[1]:.3f} bit/px"
                if rate_overlap > 0
                else "no common rate"
            )
        ),
    )


def log_rate_difference(
    rate_bpp: Numbers, psnr_db: Numbers, anchor_bpp: Numbers, anchor_db: Numbers
) -> float:
    """Return BD-rate as the mean difference of log10 of the rate; NaN where it is not defined.

    Args:
        rate_bpp: Rates of a curve, rising.
        psnr_db: Its PSNR, rising.
        anchor_bpp: Rates of the anchor, rising.
        anchor_db: Its PSNR, rising.
    """
    is_rising = all((np.diff(line) > 0).all() for line in (psnr_db, anchor_db))
    if not is_rising or not _overlap(psnr_db, anchor_db)[1] > 0:
        return float("nan")
    return float(np.log10(1 + _bd("rate", anchor_bpp, anchor_db, rate_bpp, psnr_db) / 100))


def _overlap(one: Numbers, other: Numbers) -> tuple[tuple[float, float], float]:
    """Return what both cover, and its share of what either covers."""
    low, high = max(one.min(), other.min()), min(one.max(), other.max())
    joint = max(one.max(), other.max()) - min(one.min(), other.min())
    return (float(low), float(high)), float(max(high - low, 0) / joint) if joint > 0 else 0.0


def _bd(
    kind: str, anchor_bpp: Numbers, anchor_db: Numbers, rate_bpp: Numbers, psnr_db: Numbers
) -> float:
    import bjontegaard  # imports matplotlib: only when there are curves

    function = bjontegaard.bd_rate if kind == "rate" else bjontegaard.bd_psnr
    return float(
        function(
            anchor_bpp,
            anchor_db,
            rate_bpp,
            psnr_db,
            method="pchip",
            require_matching_points=False,
            min_overlap=0,  # any overlap is allowed here: it is stated beside the number
        )
    )
