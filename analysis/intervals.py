"""Means with 95 % intervals over seeds and images, and tests over many pairs.

All scores here form a matrix of seeds x images. Seeds and images are both samples of something
larger, so both are resampled, independently of each other (the pigeonhole bootstrap of Owen,
Annals of Applied Statistics 1(2), 2007, which errs on the wide side). Patches of one scene resemble
each other: the interval tells about more patches like these, less about other scenes.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

NUM_RESAMPLES = 1000
SEED = 0

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % interval.

    Attributes:
        mean: The mean, in the unit of the scores.
        low: Lower end; NaN where one number leaves no interval.
        high: Upper end; NaN where one number leaves no interval.
    """

    mean: float
    low: float
    high: float


def interval(scores: Matrix) -> Interval:
    """Return the mean of a matrix of scores with its 95 % bootstrap interval.

    Args:
        scores: Shape [seeds, images], finite. With one seed only images are resampled, with one
            image only seeds.

    Example:
        >>> interval(np.full((3, 4), 20.0))
        Interval(mean=20.0, low=20.0, high=20.0)
    """
    mean = float(np.mean(scores))
    if scores.size < 2:
        return Interval(mean, float("nan"), float("nan"))
    means = np.sum(
        (_weights("seeds", scores.shape[0]) @ scores) * _weights("images", scores.shape[1]), axis=1
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(mean, float(low), float(high))


def paired_interval(scores: Matrix, others: Matrix) -> Interval:
    """Return the mean difference of two matrices with its 95 % bootstrap interval.

    Images are paired: the same ones are drawn for both. Seeds are not: a seed of one has nothing to
    do with the same number of the other.

    Args:
        scores: Shape [seeds, images], finite.
        others: Shape [other seeds, images], the same images in the same order.

    Example:
        >>> paired_interval(np.full((3, 4), 21.0), np.full((2, 4), 20.5))
        Interval(mean=0.5, low=0.5, high=0.5)
    """
    mean = float(np.mean(scores) - np.mean(others))
    if scores.shape[1] < 2:
        return Interval(mean, float("nan"), float("nan"))
    of_scores = _weights("seeds", scores.shape[0]) @ scores
    of_others = _weights("other seeds", others.shape[0]) @ others
    of_images = _weights("images", scores.shape[1])
    low, high = np.quantile(np.sum((of_scores - of_others) * of_images, axis=1), [0.025, 0.975])
    return Interval(mean, float(low), float(high))


@cache
def _weights(drawn: str, count: int) -> Matrix:
    """Return how often each member is drawn, as shares: [resamples, count].

    Equal counts have equal draws, which makes a report the same every time and is faster.
    """
    rng = np.random.default_rng([SEED, zlib.crc32(drawn.encode())])
    return rng.multinomial(count, np.full(count, 1 / count), size=NUM_RESAMPLES) / count


def wilcoxon_p(differences: Matrix) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; 1 where all differences are 0.

    Args:
        differences: One paired difference per image.
    """
    from scipy.stats import wilcoxon

    differences = differences[np.isfinite(differences)]
    if not np.any(differences):
        return 1.0
    return float(wilcoxon(differences).pvalue)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p values corrected for their number after Holm (1979), in the order given.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        (0.03, 0.06, 0.06)
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    reached = 0.0
    for rank, index in enumerate(order):
        reached = max(reached, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = reached
    return tuple(corrected)
