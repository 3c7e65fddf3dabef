"""What keeps a training for bytes at its target rate: the steps, and what a bit is worth.

After every epoch, on validation images and for the weights that are scored:

1. All steps are scaled by one factor so that the rate is the target's. The rate falls steadily with
   the factor, so the factor is solved for, not steered: every epoch is scored at the target rate,
   whatever the configuration, and nothing can oscillate.
2. The multiplier of the rate in the loss becomes the slope -dD/dR that the model has there, from
   a little finer and a little coarser steps. A training with that multiplier neither gains nor
   loses by another factor: the steps that meet the rate are those that its loss asks for
   (Everett, "Generalized Lagrange multiplier method", 1963). Old and new multiplier are averaged
   geometrically: a higher one makes the next epoch's rate smaller, then the steps finer, then the
   slope smaller, and half the way damps that loop.

Letters: D distortion, the loss without its rate; R rate.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

RELATIVE_TOLERANCE = 5e-4
MAX_TRIES = 60
LOWEST_LOG_SCALE, HIGHEST_LOG_SCALE = -20.0, 12.0
SLOPE_REACH = 0.15
"""Natural logarithm of how much finer and coarser the steps are that the slope is taken between."""

EASY_TRIES = 8
"""Secant steps before every second try halves what is open: a rate may be flat with a cliff."""

PLAUSIBLE = 100.0
"""A slope further than this from that of a Gaussian source of equal distortion is a mishap.

With few channels more bits change little, and the slope is truly small: 0.02 of the Gaussian one
at 1.5 times 256 / ratio channels, near 0 at 256 / ratio.
"""


@dataclass
class RateControl:
    """The state of the control.

    Attributes:
        target_bpp: Bits per pixel that a code has.
        multiplier: What a bit per pixel counts in the loss; 0 before the first slope.
    """

    target_bpp: float
    multiplier: float = 0.0

    def follow(self, slope: float, distortion: float) -> None:
        """Takes the slope of the model at its target rate into account.

        Args:
            slope: -dD/dR, per bit per pixel.
            distortion: D there.
        """
        # A Gaussian source has D = variance · 2^(-2 R), so -dD/dR = 2 ln 2 D. An untrained network
        # may have no slope at all, or one of the wrong sign.
        gaussian = 2 * math.log(2) * distortion
        lowest, highest = gaussian / PLAUSIBLE, gaussian * PLAUSIBLE
        plausible = min(max(lowest, slope), highest)  # in this order NaN counts as lowest
        self.multiplier = math.sqrt((self.multiplier or plausible) * plausible)


def solve_log_scale(
    rate_bpp: Callable[[float], float],
    target_bpp: float,
    start: float = 0.0,
    tolerance: float = RELATIVE_TOLERANCE,
) -> float:
    """Return the logarithm of the steps' scale at which a falling rate meets its target.

    Secant steps on logarithmic axes, kept between what is known to be too fine and too coarse: the
    rate is nearly a power of the scale. Where they do not get there, halving does.

    Args:
        rate_bpp: Rate at a logarithm of the scale.
        target_bpp: Above 0.
        start: Where to begin.
        tolerance: Share of the target that the rate may be off.

    Returns:
        Where the rate is within the tolerance of the target; an end of the range where it never is.
    """
    too_fine, too_coarse = LOWEST_LOG_SCALE, HIGHEST_LOG_SCALE
    here, slope = start, -1.0
    last: tuple[float, float] | None = None
    for number in range(MAX_TRIES):
        excess = _log_excess(rate_bpp(here), target_bpp)
        if abs(excess) < tolerance:
            break
        if excess > 0:
            too_fine = here
        else:
            too_coarse = here
        if last is not None and here != last[0]:
            slope = min((excess - last[1]) / (here - last[0]), -1e-3)
        last = here, excess
        here -= excess / slope
        must_halve = number > EASY_TRIES and number % 2
        if must_halve or not too_fine < here < too_coarse:
            here = (too_fine + too_coarse) / 2
    return here


def _log_excess(rate_bpp: float, target_bpp: float) -> float:
    """Return ln(rate / target), bounded; a rate that is no number counts as too low."""
    share = rate_bpp / target_bpp
    return math.log(min(max(share, 1e-6), 1e6)) if share == share else -math.log(1e6)  # noqa: PLR0124
