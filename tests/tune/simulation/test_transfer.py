"""What an earlier study's best configuration brings, and what a wrong one costs."""

from pathlib import Path

import pytest

from tune.simulation.replay import Setting, replay
from tune.simulation.settings import default_rule
from tune.simulation.truth_file import read_truth
from tune.space.neighbours import MAX_NEIGHBOURS
from tune.space.points import KnownPoint

TRUTH = Path(__file__).parents[3] / "benchmarks" / "truth" / "baseline_16x_9.parquet"
NUM_NIGHTS = 9


@pytest.fixture(scope="module")
def truth():
    return read_truth(TRUTH)


def epochs_to_near(truth, known):
    setting = Setting(default_rule("psnr"), "random", trials=24)
    found = replay(truth, setting, num_nights=NUM_NIGHTS, num_workers=2, known=known)
    return found.epochs_to_near


def by_score(truth):
    ranked = sorted(truth.configurations, key=lambda one: one.curves[0].best)
    return [KnownPoint("neighbour:study", one.values) for one in ranked]


@pytest.mark.slow
def test_a_good_neighbour_halves_the_epochs_until_near(truth):
    *_, second, _best = by_score(truth)
    assert epochs_to_near(truth, [second]) <= epochs_to_near(truth, []) / 2


@pytest.mark.slow
def test_wrong_neighbours_cost_at_most_two_trials(truth):
    wrong = by_score(truth)[:MAX_NEIGHBOURS]
    assert MAX_NEIGHBOURS == 2
    cost = epochs_to_near(truth, wrong) - epochs_to_near(truth, [])
    assert cost <= 2 * truth.max_epochs
