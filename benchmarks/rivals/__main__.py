"""Prints one table per recorded truth: how the rivals search it.

`python -m benchmarks.rivals benchmarks/truth/*.parquet --seeds 30`
"""

import argparse
import logging
import re
import time
from collections.abc import Sequence
from pathlib import Path

import optuna

from benchmarks.rivals.loop import NUM_WORKERS, Limits
from benchmarks.rivals.roster import Play, rivals
from benchmarks.rivals.summary import HEADER, Summary, summarise
from tune.simulation.truth import Truth
from tune.simulation.truth_file import read_truth
from tune.space.dimension import Values

FULL_TRIALS = 40
"""The full budget is as many epochs as these trials would take to their end."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals")
    parser.add_argument("truth", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--only", default="", help="a regular expression found in names of rows")
    arguments = parser.parse_args(argv)
    logging.disable(logging.WARNING)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    for path in arguments.truth:
        print_table(read_truth(path), arguments.seeds, arguments.only)
    return 0


def print_table(truth: Truth, seeds: int, only: str) -> None:
    """Print the table of a truth, each rival without and with the hand-set point."""
    count = len(truth.configurations)
    print(f"\n{truth.label}: {count} configurations, {seeds} nights, {NUM_WORKERS} workers\n")
    print(HEADER)
    variants: dict[str, tuple[Values, ...]] = {"": ()}
    if truth.hand_set is not None:
        variants[", hand-set first"] = (truth.hand_set,)
    for rival, play in rivals(truth).items():
        for suffix, known in variants.items():
            if re.search(only, rival + suffix):
                print(race(rival + suffix, play, truth, seeds, known).row(), flush=True)


def race(name: str, play: Play, truth: Truth, seeds: int, known: Sequence[Values]) -> Summary:
    """Run the nights of a rival."""
    limits = Limits(max_epochs=FULL_TRIALS * truth.max_epochs)
    start_s = time.monotonic()
    nights = [play(truth, seed, limits, known) for seed in range(seeds)]
    assert limits.max_epochs is not None
    return summarise(name, nights, limits.max_epochs, time.monotonic() - start_s)


if __name__ == "__main__":
    raise SystemExit(main())
