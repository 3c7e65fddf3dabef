"""95 % intervals of mean scores, which hold with two or three seeds.

A mean over seeds and images (S, I) is uncertain in two ways: other seeds make other networks, and
other images of the same kind are easier or harder. Each has its own standard error, widened by
Student's t for its own number, and they add as squares:

    half^2 = (t(S - 1) s_seeds / sqrt(S))^2 + (t(I - 1) s_images / sqrt(I))^2

with s_seeds the standard deviation of the means of the seeds, s_images of the means of the images.
A bootstrap of two or three seeds is much too narrow: `python -m benchmarks.interval_coverage`.
One seed says nothing of seeds; for a difference an assumed spread stands in, `lone_seed_half_db`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
SEED_SPREAD_DB = 0.2
"""Assumed standard deviation of validation PSNR over seeds: 0.18 dB was measured over six
candidates with two seeds each (docs/DECISIONS.md)."""
NUM_STANDARD_ERRORS = 3.0

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval, in the unit of the scores.

    Attributes:
        mean: The mean.
        low: Lower end; None where one number leaves no interval.
        high: Upper end; likewise.
    """

    mean: float
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends as numbers for a data frame: NaN where there is none."""
        return (
            math.nan if self.low is None else self.low,
            math.nan if self.high is None else self.high,
        )

    @classmethod
    def around(cls, mean: float, half: float | None) -> "Interval":
        """Return the interval of a mean with its half width, None for none.

        >>> Interval.around(20.0, 0.5)
        Interval(mean=20.0, low=19.5, high=20.5)
        """
        return cls(mean) if half is None else cls(mean, mean - half, mean + half)


def mean_half(means: Scores) -> float:
    """Return the half width of the interval of a mean: Student's t with n - 1 degrees of freedom.

    Args:
        means: Two numbers or more, of seeds or of images.

    Example:
        >>> round(mean_half(np.array([20.0, 20.2])), 2)
        1.27
    """
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means))
    return _quantile(len(means) - 1) * error


def paired_half_db(difference_db: Scores) -> float | None:
    """Return the half width of the interval of a mean paired difference.

    Args:
        difference_db: (S, I), one score minus the other of the same seed and image.

    Returns:
        None with one image, which leaves no interval. With one seed, the assumed spread stands for
        the scatter of seeds.
    """
    num_seeds, num_images = difference_db.shape
    if num_images < 2:
        return None
    is_lone = num_seeds < 2
    of_seeds = lone_seed_half_db(1, 1) if is_lone else mean_half(difference_db.mean(axis=1))
    return math.hypot(of_seeds, mean_half(difference_db.mean(axis=0)))


def unpaired_half_db(scores_db: Scores, others_db: Scores) -> float | None:
    """Return the half width of the interval of a mean difference, paired by images, not by seeds.

    The seeds of two architectures have nothing to do with each other. Their term is Welch's, with
    the degrees of freedom of Welch and Satterthwaite.

    Args:
        scores_db: (S, I).
        others_db: (S', I), the same images in the same order.

    Returns:
        As for `paired_half_db`; the assumed spread stands in where either has one seed.
    """
    if scores_db.shape[1] < 2:
        return None
    sides = (scores_db.mean(axis=1), others_db.mean(axis=1))
    num_seeds = [len(means) for means in sides]
    if min(num_seeds) < 2:
        of_seeds = lone_seed_half_db(*num_seeds)
    else:
        variances = np.array([np.var(means, ddof=1) / len(means) for means in sides])
        of_seeds = welch_half(variances, np.array(num_seeds) - 1)
    return math.hypot(of_seeds, mean_half(scores_db.mean(axis=0) - others_db.mean(axis=0)))


def lone_seed_half_db(num_seeds: int, num_other_seeds: int) -> float:
    """Return three standard errors of a difference of two means over seeds of assumed spread.

    >>> round(lone_seed_half_db(1, 1), 2), round(lone_seed_half_db(4, 4), 2)
    (0.85, 0.42)
    """
    return NUM_STANDARD_ERRORS * SEED_SPREAD_DB * math.sqrt(1 / num_seeds + 1 / num_other_seeds)


def welch_half(variances: Scores, degrees: "NDArray[np.int64]") -> float:
    """Return the half width of the interval of a sum of independent estimates.

    Args:
        variances: Squared standard error of each.
        degrees: Degrees of freedom of each; the sum has those of Welch and Satterthwaite.
    """
    total = float(variances.sum())
    if total == 0:
        return 0.0
    freedom = total**2 / float((variances**2 / degrees).sum())
    return _quantile(freedom) * math.sqrt(total)


def _quantile(degrees: float) -> float:
    from scipy.special import stdtrit  # half a second that a status does not have

    return float(stdtrit(degrees, (1 + CONFIDENCE) / 2))


def half_width(scores: Sequence[float]) -> float | None:
    """Return half of the 95 % interval of a mean, Student's t; None for one value.

    >>> half_width([20.0]) is None, half_width([20.0, 20.0])
    (True, 0.0)
    """
    count = len(scores)
    if count < 2:
        return None
    mean = math.fsum(scores) / count
    spread = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (count - 1))
    return T_95[min(count - 2, len(T_95) - 1)] * spread / math.sqrt(count)


T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Quantile 0.975 of Student's t for 1 to 9 degrees of freedom; more seeds count as the last.

Loading scipy takes half of the time that a status may take.
"""
