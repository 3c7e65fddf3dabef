"""A study whose time ends soon: what is started, continued and ended."""

import pytest

from tests.tune.scheduling.test_conductor import (  # noqa: F401 (fixtures)
    EPOCHS,
    make_conductor,
    outcomes,
    run_trial,
)
from tune.outcomes import Outcome
from tune.scheduling.conductor import Conductor
from tune.scheduling.pace import CLOSING_S

HOUR_S = 3600.0


class Clock:
    """Stands where it is set."""

    elapsed_s = 0.0


@pytest.fixture
def clock(monkeypatch) -> type[Clock]:
    monkeypatch.setattr(
        "tune.trial.clock.StudyClock.elapsed_s", property(lambda self: Clock.elapsed_s)
    )
    monkeypatch.setattr(Clock, "elapsed_s", 0.0)
    return Clock


@pytest.fixture
def begun(make_conductor, make_epoch, clock) -> Conductor:  # noqa: F811
    """A study of an hour with a trial of five epochs, of which the first two took 600 s each."""
    conductor = make_conductor(num_trials=4, hours=1.0)
    spec = conductor.next_trial()
    conductor.start(spec.number)
    for epoch in (1, 2):
        clock.elapsed_s += 600.0
        conductor.report_epoch(0, make_epoch(epoch, 20.0))
    return conductor


def test_no_trial_is_started_that_would_end_late(begun):
    assert begun.next_trial() is None  # 2400 s are left, and a trial takes 3000


def test_while_a_trial_runs_the_study_is_not_drained(begun):
    assert not begun.is_drained
    assert begun.has_more_to_do


def test_when_the_last_has_ended_nothing_is_left_to_do(begun, clock, make_epoch):
    for epoch in range(3, EPOCHS + 1):
        clock.elapsed_s += 600.0
        assert begun.report_epoch(0, make_epoch(epoch, 20.0, epoch == EPOCHS))
    begun.end(0, Outcome.COMPLETED)
    assert begun.is_drained
    assert not begun.has_more_to_do
    assert begun.has_filled_its_time
    assert not begun.should_end()


def test_a_trial_ends_when_its_next_epoch_would_end_late(begun, clock, make_epoch):
    clock.elapsed_s = HOUR_S - CLOSING_S - 599.0
    assert not begun.report_epoch(0, make_epoch(3, 20.0))
    begun.end(0)
    assert outcomes(begun) == [Outcome.INTERRUPTED]
    assert begun.recorder.trials[0].reason == "the time budget of the search ended"


def test_a_lost_trial_continues_only_if_it_ends_in_time(begun, clock):
    begun.lose_worker(0, "the worker process died")
    clock.elapsed_s = HOUR_S - 1000.0
    assert begun.next_trial() is None
    assert begun.is_drained
    assert outcomes(begun) == [Outcome.INTERRUPTED]


def test_an_interrupted_study_has_not_filled_its_time(begun):
    begun.interrupt("interrupted by SIGINT")
    assert not begun.has_filled_its_time


def test_a_study_without_a_deadline_fills_no_time(make_conductor, clock):  # noqa: F811
    conductor = make_conductor(num_trials=4)
    conductor.next_trial()
    clock.elapsed_s = 1e9
    assert not conductor.has_filled_its_time
    assert conductor.next_trial() is not None
