"""A night in simulated time: time, workers, outcomes, and that it is the search's own conductor."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tune.simulation.families import (
    EPOCHS,
    curve,
    diverging,
    late_crossers,
    parallel,
    truth_of,
)
from tune.outcomes import Outcome
from tune.scheduling.rules import StoppingRule
from tune.simulation.night import Search, run_night
from tune.space.points import KnownPoint
from tune.storage.history import Budget

NONE = StoppingRule("none", 1, 3, 0.1)
LEADER = StoppingRule("leader", 1, 3, 0.1)


def search(trials: int, workers: int = 2, hours: float | None = None, **more) -> Search:
    return Search(searcher="random", budget=Budget(trials, hours), num_workers=workers, **more)


def night_of(truth, rule=NONE, seed=0, **asked):
    asked.setdefault("trials", len(truth.configurations))
    return run_night(truth, search(**asked), rule.ledger(truth.max_epochs), seed)


@pytest.mark.parametrize(("workers", "expected_s"), [(1, 360.0), (2, 180.0), (4, 90.0), (9, 90.0)])
def test_workers_share_the_time(workers, expected_s):
    night = night_of(parallel(4), workers=workers)
    assert night.steps[-1].time_s == expected_s


def test_every_recorded_epoch_is_seen_once_without_a_rule():
    night = night_of(parallel(5))
    seen = {(step.configuration, step.epoch) for step in night.steps}
    assert len(night.steps) == len(seen) == 5 * EPOCHS


def test_a_configuration_is_tried_once():
    night = night_of(parallel(6))
    assert sorted(night.tried) == list(range(6))


def test_a_table_that_is_used_up_ends_the_night():
    night = night_of(parallel(3), trials=10)
    assert len(night.tried) == 3


def test_epochs_end_in_the_order_of_time():
    slow, fast = curve([20.0] * EPOCHS, epoch_s=50.0), curve([20.0] * EPOCHS, epoch_s=1.0)
    night = night_of(truth_of([[slow], [fast], [fast]]))
    times_s = [step.time_s for step in night.steps]
    assert times_s == sorted(times_s)


def test_the_leaders_rule_stops_all_that_lie_behind():
    night = night_of(parallel(8), LEADER, workers=1)
    best_so_far = -1
    for record, index in zip(night.records, night.tried, strict=True):
        assert (record.outcome is Outcome.COMPLETED) == (index > best_so_far)
        best_so_far = max(best_so_far, index)


def test_a_diverged_training_ends_diverged_with_its_epochs():
    night = night_of(diverging(4))
    outcomes = {
        index: (record.outcome, len(record.epochs))
        for record, index in zip(night.records, night.tried, strict=True)
    }
    assert outcomes[1] == (Outcome.DIVERGED, 2)
    assert outcomes[0] == (Outcome.COMPLETED, EPOCHS)


def test_a_night_with_a_time_budget_ends_by_then_and_starts_nothing_that_would_end_late():
    night = night_of(parallel(8), hours=100 / 3600)
    assert night.steps[-1].time_s == 10 * EPOCHS  # no second round of trials fits
    assert {record.outcome for record in night.records} <= set(Outcome)


def test_known_points_come_first():
    truth = parallel(6)
    known = (KnownPoint("hand_set", truth.configurations[4].values),)
    assert night_of(truth, known=known).tried[0] == 4


@pytest.mark.parametrize("searcher", ["random", "tpe"])
def test_the_same_seed_gives_the_same_night(searcher):
    asked = Search(searcher=searcher, budget=Budget(8, None))
    nights = [run_night(late_crossers(10), asked, LEADER.ledger(EPOCHS), seed=3) for _ in range(2)]
    assert nights[0].steps == nights[1].steps


def test_another_seed_gives_another_order():
    truth = parallel(10)
    assert night_of(truth, seed=0).tried != night_of(truth, seed=1).tried


@settings(max_examples=15)
@given(st.integers(1, 6), st.integers(1, 5), st.sampled_from([NONE, LEADER]))
def test_no_worker_runs_two_trials_at_once(trials, workers, rule):
    night = night_of(parallel(6), rule, trials=trials, workers=workers)
    busy_s = sum(10.0 for _ in night.steps)
    assert busy_s <= workers * night.steps[-1].time_s + 1e-9
