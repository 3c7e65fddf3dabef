"""The audit: how often stopping was wrong, in cases that can be counted by hand."""

import pytest

from tune.outcomes import Outcome
from tune.scheduling.audit import audit_stops
from tune.trial.record import RungDecision


@pytest.fixture
def make_judged(make_record):
    """Make a trial that a rung at epoch 1 kept, stopped or audited."""

    def make(number, scores_db, verdict="kept", outcome=Outcome.COMPLETED):
        record = make_record(number, scores_db, outcome)
        kept, audited = verdict != "stopped", verdict == "audited"
        record.decisions.append(RungDecision(number, 0, 1, scores_db[0], 20.0, 3, kept, audited))
        return record

    return make


def test_without_a_rung_there_is_nothing_to_audit(make_record):
    assert audit_stops([make_record(0, [20.0, 21.0])]) is None


@pytest.mark.parametrize(("final_db", "num_wrong"), [(21.9, 0), (22.0, 1), (30.0, 1)])
def test_a_stop_is_wrong_where_the_trial_reaches_the_median_of_those_that_stayed(
    make_judged, final_db, num_wrong
):
    stayed = [make_judged(n, [20.0, final]) for n, final in enumerate([21.0, 22.0, 23.0])]
    audit = audit_stops([*stayed, make_judged(3, [19.0, final_db], "audited")])
    assert (audit.num_audited, audit.num_wrong) == (1, num_wrong)
    assert audit.false_stop_rate == num_wrong


def test_an_audited_trial_that_did_not_complete_says_nothing(make_judged):
    crashed = make_judged(1, [19.0], "audited", Outcome.DIVERGED)
    audit = audit_stops([make_judged(0, [20.0, 21.0]), crashed])
    assert audit.num_audited == 0
    assert audit.false_stop_rate is None
    assert "unknown" in audit.words


def test_stopped_trials_are_counted(make_judged):
    stopped = make_judged(1, [19.0], "stopped", Outcome.STOPPED)
    assert audit_stops([make_judged(0, [20.0, 21.0]), stopped]).num_stopped == 1


@pytest.mark.parametrize(
    ("finals_db", "expected"),
    [([21.0, 22.0, 23.0, 24.0], 1.0), ([24.0, 23.0, 22.0, 21.0], -1.0)],
)
def test_the_rank_correlation_of_like_and_of_opposite_orders(make_judged, finals_db, expected):
    records = [make_judged(n, [10.0 + n, final]) for n, final in enumerate(finals_db)]
    (found,) = audit_stops(records).correlations
    assert (found.rung_epoch, found.num_trials) == (1, 4)
    assert found.rank_correlation == pytest.approx(expected)


def test_three_trials_or_equal_scores_have_no_rank_correlation(make_judged):
    three = [make_judged(n, [10.0 + n, 20.0 + n]) for n in range(3)]
    equal = [make_judged(n, [10.0, 20.0 + n]) for n in range(4)]
    assert audit_stops(three).correlations == ()
    assert audit_stops(equal).correlations == ()
