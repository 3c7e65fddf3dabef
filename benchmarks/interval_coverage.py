"""How often the 95 % interval of a difference holds the true one, by number of seeds.

`python -m benchmarks.interval_coverage` simulates pairs of candidates: images differ between them
by 0.3 dB, single scores by 0.1 dB, and the seeds of each scatter by the spread told. It prints a
Markdown table of the percentile bootstrap over seeds and images, which verdicts once rested on, and
of `tune.statistics.intervals`: coverage, median half width, and how often one of four equal
candidates is called best.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tune.statistics.intervals import paired_half_db, unpaired_half_db
from tune.statistics.race import resampled_means

IMAGE_SPREAD_DB = 0.3
NOISE_DB = 0.1
NUM_IMAGES = 64
NUM_EQUALS = 4

Scores = NDArray[np.float64]
Ends = Callable[[Scores], tuple[float, float]]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interval_coverage")
    parser.add_argument("--samples", type=int, default=1000, help="simulated sets of candidates")
    samples = parser.parse_args(argv).samples
    print(
        "| seeds | spread dB | bootstrap: covers | half dB | false best "
        "| t: covers | half dB | false best | unpaired t: covers |\n" + "|---" * 9 + "|"
    )
    for num_seeds in (1, 2, 3, 5):
        for spread_db in (0.05, 0.2, 0.4):
            rng = np.random.default_rng(num_seeds)
            sets = [draw_equals(rng, num_seeds, spread_db) for _ in range(samples)]
            cells = [cell for rule in (bootstrap, student) for cell in measure(sets, rule)]
            welch = np.mean(
                [
                    abs(x[0].mean() - x[1].mean()) <= (unpaired_half_db(x[0], x[1]) or 0)
                    for x in sets
                ]
            )
            print(f"| {num_seeds} | {spread_db} | {' | '.join(cells)} | {welch:.3f} |", flush=True)
    return 0


def draw_equals(rng: np.random.Generator, num_seeds: int, spread_db: float) -> Scores:
    """Return scores of candidates that are equally good, (candidates, seeds, images)."""
    shape = (NUM_EQUALS, num_seeds, NUM_IMAGES)
    scores: Scores = (
        rng.normal(0, spread_db, shape[:2])[:, :, None]
        # A difference of two has the root of two of it.
        + rng.normal(0, IMAGE_SPREAD_DB / np.sqrt(2), (shape[0], 1, shape[2]))
        + rng.normal(0, NOISE_DB / np.sqrt(2), shape)
    )
    return scores


def bootstrap(difference_db: Scores) -> tuple[float, float]:
    """Ends of the percentile bootstrap over seeds and images."""
    low, high = np.quantile(resampled_means(difference_db[None], 0)[0], [0.025, 0.975])
    return float(low), float(high)


def student(difference_db: Scores) -> tuple[float, float]:
    """Ends of the interval that verdicts rest on."""
    half_db = paired_half_db(difference_db)
    if half_db is None:
        raise ValueError("an interval needs two images")
    return float(difference_db.mean()) - half_db, float(difference_db.mean()) + half_db


def measure(sets: Sequence[Scores], rule: Ends) -> tuple[str, str, str]:
    """Return coverage of zero by the first pair, median half width, and share of a false best."""
    ends = np.array([rule(scores[0] - scores[1]) for scores in sets])
    covers = np.mean((ends[:, 0] <= 0) & (ends[:, 1] >= 0))
    half_db = np.median(ends[:, 1] - ends[:, 0]) / 2
    false_best = np.mean([has_best(scores, rule) for scores in sets])
    return f"{covers:.3f}", f"{half_db:.2f}", f"{false_best:.3f}"


def has_best(scores: Scores, rule: Ends) -> bool:
    """Say whether the first by mean is called best: ahead of every other beyond the interval."""
    order = np.argsort(-scores.mean(axis=(1, 2)))
    return all(rule(scores[order[0]] - scores[other])[0] > 0 for other in order[1:])


if __name__ == "__main__":
    raise SystemExit(main())
