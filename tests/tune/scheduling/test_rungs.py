"""Rungs: exact epochs, and who stays."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.scheduling.cutoffs import TopShare
from tune.scheduling.rungs import RungLedger, is_audited, rung_epochs
from tune.trial.record import RungDecision


@pytest.mark.parametrize(
    ("max_epochs", "expected"),
    [
        (242, (1, 3, 9, 27, 81)),
        (243, (1, 3, 9, 27, 81)),
        (244, (1, 3, 9, 27, 81, 243)),
        (1, ()),
        (2, (1,)),
    ],
)
def test_rungs_are_exact_at_powers_of_the_factor(max_epochs, expected):
    assert rung_epochs(1, max_epochs, 3) == expected


def test_a_grace_period_as_long_as_the_trial_leaves_no_rung():
    assert rung_epochs(20, 20, 3) == ()


@pytest.mark.parametrize("arguments", [(0, 20, 3), (5, 0, 3), (5, 20, 1)])
def test_impossible_rungs_are_refused(arguments):
    with pytest.raises(ValueError, match="reduction_factor >= 2"):
        rung_epochs(*arguments)


@pytest.mark.parametrize(("num_values", "judged"), [(2, False), (3, True), (4, True)])
def test_nobody_is_stopped_before_factor_values(num_values, judged):
    ledger = RungLedger((5,), TopShare(3))
    decisions = [ledger.judge(n, 5, float(-n)) for n in range(num_values)]
    assert decisions[-1].kept is not judged
    assert (decisions[-1].cutoff is not None) is judged


def test_a_tie_with_the_cutoff_stays():
    ledger = RungLedger((5,), TopShare(2))
    assert all(ledger.judge(n, 5, 20.0).kept for n in range(6))


def test_an_epoch_that_is_no_rung_decides_nothing():
    ledger = RungLedger((5, 15), TopShare(3))
    assert [ledger.judge(0, epoch, 20.0) for epoch in (4, 6, 14, 16)] == [None] * 4


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value):
    with pytest.raises(ValueError, match="finite"):
        RungLedger((5,), TopShare(3)).judge(0, 5, value)


finite = st.floats(-100, 100, allow_nan=False)


@given(st.lists(finite, min_size=3), st.integers(2, 5))
def test_the_best_value_of_a_rung_always_stays(values, factor):
    ledger = RungLedger((1,), TopShare(factor))
    for number, value in enumerate([*values, max(values)]):
        decision = ledger.judge(number, 1, value)
    assert decision.kept


@given(st.lists(finite, min_size=1, unique=True), st.integers(2, 5))
def test_the_cutoff_keeps_one_in_factor(values, factor):
    cutoff = TopShare(factor).value(values)
    if len(values) < factor:
        assert cutoff is None
    else:
        assert sum(value >= cutoff for value in values) == len(values) // factor


def judge_all(ledger: RungLedger, epoch: int, values: list[float]) -> list[RungDecision]:
    return [ledger.judge(number, epoch, value) for number, value in enumerate(values)]


def test_an_audited_trial_goes_on_where_it_would_stop():
    decision = judge_all(RungLedger((1,), TopShare(2), audit_share=1.0), 1, [20.0, 19.0])[1]
    assert (decision.kept, decision.audited) == (True, True)
    assert decision.value < decision.cutoff


def test_a_trial_that_stays_by_itself_is_not_audited():
    assert not judge_all(RungLedger((1,), TopShare(2), audit_share=1.0), 1, [20.0, 21.0])[1].audited


def test_later_rungs_do_not_see_an_audited_trial():
    ledger = RungLedger((1, 2), TopShare(2), audit_share=1.0)
    judge_all(ledger, 1, [20.0, 19.0])
    assert ledger.judge(1, 2, 30.0) is None
    assert ledger.judge(0, 2, 20.0).num_values == 1


def test_without_a_share_nobody_is_audited():
    assert not any(is_audited(0, number, 0.0) for number in range(100))
    assert all(is_audited(0, number, 1.0) for number in range(100))


def test_the_audited_share_is_about_what_is_asked_for():
    found = sum(is_audited(3, number, 0.05) for number in range(10_000)) / 10_000
    assert found == pytest.approx(0.05, abs=0.01)  # four standard deviations


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=20), st.integers(0, 3), st.data())
def test_a_ledger_that_recalls_decides_as_if_it_had_never_stopped(curves, seed, data):
    def ledger() -> RungLedger:
        return RungLedger((1, 2), TopShare(2), audit_share=0.3, seed=seed)

    reports = [(n, epoch, curve[epoch - 1]) for n, curve in enumerate(curves) for epoch in (1, 2)]
    order = data.draw(st.permutations(reports))
    order.sort(key=lambda report: report[1])  # any order of trials, each through its rungs
    cut = data.draw(st.integers(0, len(order)))
    whole, first, second = ledger(), ledger(), ledger()
    expected = [whole.judge(*report) for report in order]
    before = [first.judge(*report) for report in order[:cut]]
    second.recall(data.draw(st.permutations([known for known in before if known is not None])))
    assert before + [second.judge(*report) for report in order[cut:]] == expected
