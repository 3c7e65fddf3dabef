"""Who ran beside whom: a few intervals by hand, and any intervals against the definition."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tune.outcomes import Outcome
from tune.storage.trial_rows import run_beside
from tune.trial.clock import Moment

intervals = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5)), max_size=12)


def ran(make_record, number, begun_s, ended_s, outcome=Outcome.COMPLETED):
    """A trial that ran from one second of the study to another."""
    record = make_record(number, outcome=outcome)
    record.begun, record.ended = (
        None if seconds is None else Moment(datetime(2026, 1, 1, tzinfo=UTC), seconds)
        for seconds in (begun_s, ended_s)
    )
    record.started = None if outcome is Outcome.REJECTED else record.begun
    return record


def test_trials_that_overlap_ran_beside_each_other_and_touching_ones_did_not(make_record):
    records = [
        ran(make_record, 0, 0, 10),
        ran(make_record, 1, 5, 12),
        ran(make_record, 2, 10, 11),
        ran(make_record, 3, 12, None, outcome=None),
    ]
    assert run_beside(records) == {0: [1], 1: [0, 2], 2: [1], 3: []}


def test_a_running_trial_is_beside_everything_that_begins_later(make_record):
    records = [ran(make_record, 0, 0, None, outcome=None), ran(make_record, 1, 99, 100)]
    assert run_beside(records) == {0: [1], 1: [0]}


def test_a_rejected_trial_ran_beside_nobody(make_record):
    records = [ran(make_record, 0, 0, 9), ran(make_record, 1, 4, 4, Outcome.REJECTED)]
    assert run_beside(records) == {0: [], 1: []}


def test_a_trial_that_still_waits_ran_beside_nobody(make_record):
    waiting = ran(make_record, 1, 4, None, outcome=None)
    waiting.started = None
    assert run_beside([ran(make_record, 0, 0, 9), waiting]) == {0: [], 1: []}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(intervals)
def test_the_sweep_finds_every_pair_that_overlaps(make_record, times):
    ends = [(begun_s, begun_s + length_s) for begun_s, length_s in times]
    records = [ran(make_record, number, *pair) for number, pair in enumerate(ends)]
    expected = {
        a: [
            b
            for b in range(len(ends))
            if b != a and ends[a][0] < ends[b][1] and ends[b][0] < ends[a][1]
        ]
        for a in range(len(ends))
    }
    assert run_beside(records) == expected
