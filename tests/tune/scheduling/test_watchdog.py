"""The watchdog: who counts as hanging, measured against what."""

from types import SimpleNamespace

import pytest

from tune.scheduling.watchdog import Watchdog


@pytest.fixture
def clock():
    return SimpleNamespace(now_s=0.0)


@pytest.fixture
def watchdog(clock):
    return Watchdog(lambda: clock.now_s, factor=10, floor_s=5.0)


def test_nobody_hangs_before_anybody_finished_an_epoch(watchdog, clock, make_record):
    watchdog.restart(0)
    clock.now_s = 1e6
    assert watchdog.overdue([make_record(0, [], outcome=None)]) == {}


@pytest.mark.parametrize(("silence_s", "hangs"), [(11.9, False), (12.1, True)])
def test_a_trial_is_measured_against_its_own_epochs(watchdog, clock, make_record, silence_s, hangs):
    record = make_record(0, [20.0, 21.0], outcome=None)  # epochs of 1.2 s
    watchdog.restart(0)
    clock.now_s = silence_s
    assert bool(watchdog.overdue([record])) is hangs


def test_a_trial_without_an_epoch_is_measured_against_those_of_the_study(
    watchdog, clock, make_record
):
    records = [make_record(0, [20.0]), make_record(1, [], outcome=None)]
    watchdog.restart(1)
    clock.now_s = 12.1
    assert list(watchdog.overdue(records)) == [1]
    assert "no epoch for 12 s, the median takes 1.2 s" in watchdog.overdue(records)[1]


def test_the_floor_is_always_allowed(clock, make_record):
    patient = Watchdog(lambda: clock.now_s, factor=1, floor_s=100.0)
    patient.restart(0)
    clock.now_s = 99.0
    assert patient.overdue([make_record(0, [20.0], outcome=None)]) == {}


def test_a_trial_that_is_forgotten_or_over_does_not_hang(watchdog, clock, make_record):
    watchdog.restart(0)
    watchdog.restart(1)
    watchdog.forget(0)
    clock.now_s = 1e6
    records = [make_record(0, [20.0], outcome=None), make_record(1, [20.0])]
    assert watchdog.overdue(records) == {}
