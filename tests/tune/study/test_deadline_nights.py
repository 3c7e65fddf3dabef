"""Forty nights with a deadline, in simulated time: recorded curves, the real conductor.

Epochs take a minute or more, with noise of their own; the plan was timed with an error; and in
every night another process takes half of the machine for a while.
"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tune.outcomes import Outcome
from tune.scheduling.rules import StoppingRule
from tune.simulation.night import Night, Search, run_night
from tune.simulation.truth import Configuration, Curve, Truth
from tune.simulation.truth_file import read_truth
from tune.space.points import KnownPoint
from tune.storage.history import Budget
from tune.study.deadline import RESERVE, START_S, Choice, Work, choose
from tune.study.estimate import EpochTime

pytestmark = pytest.mark.slow

FILE = Path(__file__).parents[3] / "benchmarks/truth/baseline_16x_9.parquet"
RULE = StoppingRule("leader", 3, 3, 0.1)
EPOCH_S = 60.0
VAL_SHARE = 0.2
NOISE = 0.15
"""Standard deviation of the logarithm of an epoch's seconds."""
TIMING_ERROR = 0.05
"""Likewise of the epoch that is timed before the search starts."""
LONGEST_SLOW_SHARE = 0.25
"""Of the time until the deadline."""
LONGEST_H = 10.0
NUM_NIGHTS = 40


@cache
def truth() -> Truth:
    return read_truth(FILE)


@dataclass(frozen=True)
class Slowed:
    """Between two moments an epoch makes half of its progress."""

    begin_s: float
    end_s: float

    def __call__(self, start_s: float, work_s: float) -> float:
        before_s = max(0.0, self.begin_s - start_s)
        if work_s <= before_s or start_s >= self.end_s:
            return start_s + work_s
        begun_s = max(start_s, self.begin_s)
        done_s = (self.end_s - begun_s) / 2
        left_s = work_s - before_s
        return begun_s + 2 * left_s if left_s <= done_s else self.end_s + left_s - done_s


@dataclass(frozen=True)
class Played:
    """A night, and what was promised of it."""

    hours: float
    choice: Choice
    night: Night

    @property
    def late_s(self) -> float:
        return max(step.time_s for step in self.night.steps) - 3600 * self.hours

    @property
    def longest_epoch_s(self) -> float:
        reported = [[moment.elapsed_s for moment in one.reported] for one in self.night.records]
        return max(later - now for one in reported for now, later in pairwise(one))

    @property
    def num_completed(self) -> int:
        return sum(record.outcome is Outcome.COMPLETED for record in self.night.records)


def noisy(known: Truth, epoch_s: float, seed: int) -> Truth:
    """The truth with epochs of another length, each with its noise, the same in each width."""
    generator = np.random.default_rng([seed, 1])
    mean_s = float(np.mean([s for one in known.configurations for s in one.curves[0].epochs_s]))
    scale = epoch_s / mean_s

    def of(curve: Curve) -> Curve:
        noise = np.exp(generator.normal(0.0, NOISE, len(curve.epochs_s)))
        seconds = tuple(float(s) for s in np.asarray(curve.epochs_s) * scale * noise)
        return replace(curve, epochs_s=seconds)

    def slower(one: Configuration) -> Configuration:
        return replace(one, curves=tuple(map(of, one.curves)))

    return replace(known, configurations=tuple(map(slower, known.configurations)))


def play(seed: int) -> Played:
    generator = np.random.default_rng([seed, 2])
    timed_s = EPOCH_S * float(np.exp(generator.normal(0.0, TIMING_ERROR)))
    work = Work(
        rule=RULE, trials=10, epochs=truth().max_epochs, data_fraction=0.01,
        epoch=EpochTime(timed_s * (1 - VAL_SHARE), timed_s * VAL_SHARE), num_workers=2,
        free=frozenset({"trials", "data_fraction"}),
    )  # fmt: skip
    shortest_h = work.needed_s(1, work.data_fraction) / (1 - RESERVE) / 3600
    hours = 1.0001 * float(np.exp(generator.uniform(np.log(shortest_h), np.log(LONGEST_H))))
    choice = choose(work, 3600 * hours)
    hours -= START_S / 3600  # the night begins when Ray is up
    epoch_s = replace(
        work, epoch=EpochTime(EPOCH_S * (1 - VAL_SHARE), EPOCH_S * VAL_SHARE)
    ).epoch_s(choice.data_fraction)
    slow_s = 3600 * hours * float(generator.uniform(0.0, LONGEST_SLOW_SHARE))
    begin_s = float(generator.uniform(0.0, 3600 * hours - slow_s))
    hand_set = truth().hand_set
    assert hand_set is not None
    search = Search(
        searcher="random",
        known=(KnownPoint("hand_set", hand_set),),
        budget=Budget(choice.trials, hours),
        end_of=Slowed(begin_s, begin_s + slow_s),
    )
    ledger = RULE.ledger(truth().max_epochs, 0.05, seed)
    return Played(hours, choice, run_night(noisy(truth(), epoch_s, seed), search, ledger, seed))


@cache
def nights() -> tuple[Played, ...]:
    return tuple(play(seed) for seed in range(NUM_NIGHTS))


def test_nights_end_within_their_deadline():
    assert sum(played.late_s <= 0 for played in nights()) >= 0.95 * NUM_NIGHTS


def test_no_night_ends_more_than_an_epoch_late():
    assert all(played.late_s <= played.longest_epoch_s for played in nights())


def test_every_night_completes_a_trial():
    assert all(played.num_completed for played in nights())


def test_the_best_so_far_has_a_score_from_the_first_epoch_on():
    assert all(any(one.best for one in played.night.records) for played in nights())


def test_nights_use_most_of_their_time():
    used = [1 + played.late_s / 3600 / played.hours for played in nights()]
    assert np.mean(used) > 0.6


def test_a_machine_that_is_slower_than_planned_starts_fewer_trials():
    assert any(len(played.night.records) < played.choice.trials for played in nights())
