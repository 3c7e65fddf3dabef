"""Means with 95 % intervals over seeds and images, and tests over many pairs.

All scores here form a matrix of seeds x images. Seeds and images are both samples of something
larger, and both count in the interval, each with its own Student's t: `tune.statistics.intervals`,
as in the verdicts of a promotion. Patches of one scene resemble each other: the interval tells
about more patches like these, less about other scenes.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tune.statistics.intervals import Interval, mean_half, unpaired_half_db

Matrix = npt.NDArray[np.float64]


def interval(scores: Matrix) -> Interval:
    """Return the mean of a matrix of scores with its 95 % interval.

    Args:
        scores: Shape [seeds, images], finite. With one seed, as of a codec, the interval is over
            images alone, with one image over seeds alone.

    Example:
        >>> interval(np.full((3, 4), 20.0))
        Interval(mean=20.0, low=20.0, high=20.0)
    """
    mean = float(np.mean(scores))
    if scores.size < 2:
        return Interval(mean)
    over_seeds, over_images = scores.mean(axis=1), scores.mean(axis=0)
    half = math.hypot(*(mean_half(means) for means in (over_seeds, over_images) if len(means) > 1))
    return Interval.around(mean, half)


def paired_interval(scores: Matrix, others: Matrix) -> Interval:
    """Return the mean difference of two matrices with its 95 % interval.

    Images are paired. Seeds are not: a seed of one has nothing to do with the same number of the
    other. Where one of the two has a single seed, the scatter of seeds is assumed.

    Args:
        scores: PSNR in dB, shape [seeds, images], finite.
        others: Shape [other seeds, images], the same images in the same order.

    Example:
        >>> paired_interval(np.full((3, 4), 21.0), np.full((2, 4), 20.5))
        Interval(mean=0.5, low=0.5, high=0.5)
    """
    mean = float(np.mean(scores) - np.mean(others))
    return Interval.around(mean, unpaired_half_db(scores, others))


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
