"""Which value is good enough: what each rule promises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.scheduling.cutoffs import NearBest, TopShare

values = st.lists(st.floats(-100, 100), min_size=1, max_size=20)
CUTOFFS = (TopShare(2), TopShare(3), NearBest(0.0), NearBest(0.1))


@pytest.mark.parametrize("cutoff", CUTOFFS, ids=str)
@given(values)
def test_the_best_value_is_always_good_enough(cutoff, found):
    needed = cutoff.value(found)
    assert needed is None or max(found) >= needed


@pytest.mark.parametrize("cutoff", CUTOFFS, ids=str)
@given(values, st.randoms())
def test_the_order_of_arrival_is_nothing_to_a_cutoff(cutoff, found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    assert cutoff.value(shuffled) == cutoff.value(found)


@given(values, st.floats(0, 10))
def test_near_best_keeps_who_is_within_the_tolerance(found, tolerance):
    needed = NearBest(tolerance).value(found)
    assert needed == max(found) - tolerance


def test_near_best_judges_from_the_second_value_on():
    assert NearBest(0.1).value([20.0]) < 20.0
    assert NearBest(0.1).value([20.0, 21.0]) > 20.0


def test_equally_good_trials_all_continue_near_the_best():
    assert NearBest(0.0).value([20.0] * 5) == 20.0
