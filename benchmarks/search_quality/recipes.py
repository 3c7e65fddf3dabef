"""Which training ranks configurations soonest: schedules, and averaged or live weights scored.

    python -m benchmarks.search_quality.recipes --nights 30

prints a row per recipe: the same configurations of baseline at 16x, one seed, trained with another
schedule, or with the weights being trained scored in the place of averaged ones.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.search_quality.__main__ import FOLDER
from benchmarks.search_quality.contenders import LEADER, WITHOUT_STOPPING, Contender
from models.training.objective import OBJECTIVES
from tune.simulation.regret import epochs_to, rank_correlations, stops
from tune.simulation.truth import Truth
from tune.simulation.truth_file import read_truth
from tune.statistics.replayed import ratio

RECIPES = {
    "cosine, averaged weights scored (default)": "baseline_16x_9",
    "cosine, live weights scored": "baseline_16x_9_live",
    "one_cycle": "baseline_16x_9_one_cycle",
    "plateau": "baseline_16x_9_plateau",
    "constant": "baseline_16x_9_constant",
}
EPOCHS = (1, 2, 3, 6)
COLUMNS = (
    "recipe",
    "best [dB]",
    "median [dB]",
    *(f"rank correlation after epoch {epoch}" for epoch in EPOCHS),
    "random, no stopping: epochs to near",
    "random, leader",
    "false stops",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_quality.recipes")
    parser.add_argument("--nights", type=int, default=30)
    asked = parser.parse_args(argv)
    truths = {name: read_truth(FOLDER / f"{file}.parquet") for name, file in RECIPES.items()}
    num_shared = min(len(truth.configurations) for truth in truths.values())
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    for name, truth in truths.items():
        row = cells(first_seeds(truth, num_shared), asked.nights)
        print(f"| {' | '.join([name, *row])} |", flush=True)
    return 0


def first_seeds(truth: Truth, num_configurations: int) -> Truth:
    """Return the first configurations, which all recipes have, with one training each."""
    shared = truth.configurations[:num_configurations]
    return replace(
        truth, configurations=tuple(replace(one, curves=one.curves[:1]) for one in shared)
    )


def cells(truth: Truth, num_nights: int) -> list[str]:
    """Return the cells of one recipe behind its name."""
    best = [one.curves[0].best for one in truth.configurations]
    ranks = rank_correlations(truth)
    near = {}
    for contender in (WITHOUT_STOPPING, Contender("random, leader", LEADER)):
        nights = [contender.night(truth, seed) for seed in range(num_nights)]
        near[contender.name] = statistics.median(
            epochs_to(night, OBJECTIVES["psnr"].near) for night in nights
        )
    stopped = [stops(night) for night in nights]
    wrong = ratio([one.num_wrong for one in stopped], [one.num_stopped for one in stopped])
    return [
        f"{max(best):.2f}",
        f"{statistics.median(best):.2f}",
        *(f"{ranks[epoch - 1]:.2f}" for epoch in EPOCHS),
        *(f"{epochs:.0f}" for epochs in near.values()),
        "-" if wrong is None else f"{wrong.value:.0%} ± {100 * (wrong.half or 0):.0f}",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
