"""Which candidates get no further seeds: a race on paired validation scores.

After every finished seed each candidate is compared with the leader, image by image and seed by
seed. The bootstrap draws seeds and images with replacement, the same ones for both, so that what
makes an image hard or a seed lucky for both cancels. A candidate is out when

    upper end of the one-sided 99 % interval of (its PSNR - the leader's)  <  -margin(seeds)

With few seeds a resampling cannot know how far seeds scatter: drawing one seed from one says
nothing. The margin stands for that: three standard errors of a difference of two means over n
seeds that scatter by SEED_SPREAD_DB, so 0.85 dB after one seed, 0.60 after two, 0.49 after three.
Intervals of verdicts are wider than this bootstrap and need no margin: `tune.statistics.intervals`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tune.space.points import CONTROL
from tune.statistics.intervals import lone_seed_half_db

UPPER_QUANTILE = 0.99
NUM_SAMPLES = 2000

Scores = Mapping[str, Mapping[int, NDArray[np.float64]]]
"""Validation PSNR in dB per image, by candidate and seed; images in the same order everywhere."""


@dataclass(frozen=True)
class Drop:
    """A candidate that gets no further seeds.

    Attributes:
        candidate: Its name.
        leader: The candidate that it was compared with.
        upper_db: Upper end of the interval of its score minus the leader's.
        margin_db: How far below zero that had to be.
        num_seeds: Seeds that both have finished.
    """

    candidate: str
    leader: str
    upper_db: float
    margin_db: float
    num_seeds: int

    @property
    def words(self) -> str:
        """The decision in one line."""
        return (
            f"{self.candidate} gets no further seeds: after {self.num_seeds} it is at best "
            f"{self.upper_db:+.2f} dB from {self.leader}, the margin is {self.margin_db:.2f} dB"
        )


def margin_db(num_seeds: int) -> float:
    """Return how much worse than the leader a candidate must be after a number of seeds.

    >>> round(margin_db(1), 2), round(margin_db(4), 2)
    (0.85, 0.42)
    """
    return lone_seed_half_db(num_seeds, num_seeds)


def race(scores: Scores, seed: int) -> tuple[Drop, ...]:
    """Return the candidates that are clearly worse than the leader, by name.

    The leader has the highest mean over the seeds that every candidate with a score has finished.
    The control is never dropped: it is what gains are measured by. A candidate without a common
    seed is not judged.

    Args:
        scores: Of the candidates that are still in the race.
        seed: Of the bootstrap: the same scores and seed give the same answer.
    """
    common = common_seeds(scores)
    if not common:
        return ()
    means = {name: stack(of_seed, common).mean() for name, of_seed in scores.items() if of_seed}
    leader = max(sorted(means), key=lambda name: means[name])
    drops = []
    for name in sorted(means):
        if name in {leader, CONTROL}:
            continue
        difference = stack(scores[name], common) - stack(scores[leader], common)
        samples = resampled_means(difference[None], seed)[0]
        upper, margin = float(np.quantile(samples, UPPER_QUANTILE)), margin_db(len(common))
        if upper < -margin:
            drops.append(Drop(name, leader, upper, margin, len(common)))
    return tuple(drops)


def common_seeds(scores: Scores) -> tuple[int, ...]:
    """Return the seeds that every candidate with any score has finished, ascending."""
    seeds = [set(of_seed) for of_seed in scores.values() if of_seed]
    return tuple(sorted(set.intersection(*seeds))) if seeds else ()


def stack(
    of_seed: Mapping[int, NDArray[np.float64]], seeds: tuple[int, ...]
) -> NDArray[np.float64]:
    """Return the scores of a candidate as (seeds, images)."""
    return np.stack([of_seed[seed] for seed in seeds])


def resampled_means(
    values: NDArray[np.float64], seed: int, num_samples: int = NUM_SAMPLES
) -> NDArray[np.float64]:
    """Return means of seeds and images that are drawn with replacement, paired over the first axis.

    Every sample draws seeds first and then images, the same ones for all seeds and candidates.

    Args:
        values: (K, S, I): candidates or differences, seeds, images.
        seed: Of the draws.
        num_samples: B.

    Returns:
        (K, B).
    """
    generator = np.random.default_rng(seed)
    _, num_seeds, num_images = values.shape
    seeds = generator.integers(0, num_seeds, (num_samples, num_seeds))
    images = generator.integers(0, num_images, (num_samples, num_images))
    # As weights, so that no (K, B, S, I) array is made.
    seed_weights = _counts(seeds, num_seeds) / num_seeds
    image_weights = _counts(images, num_images) / num_images
    means: NDArray[np.float64] = np.einsum(
        "bs,ksi,bi->kb", seed_weights, values, image_weights, optimize=True
    )
    return means


def _counts(drawn: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """How often each of `size` things was drawn in each sample, (B, size)."""
    counts = np.zeros((len(drawn), size))
    np.add.at(counts, (np.arange(len(drawn))[:, None], drawn), 1.0)
    return counts
