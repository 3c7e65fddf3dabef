import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.intervals import holm, interval, paired_interval, wilcoxon_p
from tune.statistics.intervals import Interval


def test_equal_scores_leave_an_interval_without_width():
    assert interval(np.full((3, 4), 20.0)) == Interval(20.0, 20.0, 20.0)


def test_one_number_has_no_interval():
    found = interval(np.array([[21.5]]))
    assert found.mean == 21.5
    assert found.low is None
    assert found.high is None


def test_with_one_seed_the_interval_is_that_over_images():
    """The bootstrap of a mean has the standard error of the mean."""
    scores = np.random.default_rng(1).normal(20, 1, (1, 400))
    found = interval(scores)
    standard_error = scores.std() / 20
    assert found.high - found.low == pytest.approx(2 * 1.96 * standard_error, rel=0.1)


def test_the_same_scores_give_the_same_interval_twice():
    scores = np.random.default_rng(2).normal(size=(3, 10))
    assert interval(scores) == interval(scores)


def test_pairing_removes_what_images_share():
    hardness = np.repeat(np.random.default_rng(3).normal(0, 5, (1, 50)), 2, axis=0)
    ahead = paired_interval(hardness + 0.5, hardness)
    assert (ahead.low, ahead.high) == pytest.approx((0.5, 0.5))


def test_a_lead_over_one_seed_has_the_assumed_scatter_of_seeds_in_it():
    hardness = np.random.default_rng(3).normal(0, 5, (1, 50))
    ahead = paired_interval(hardness + 0.5, hardness)
    assert ahead.high - ahead.mean == pytest.approx(3 * 0.2 * math.sqrt(2))


def test_an_interval_over_seeds_of_one_image_is_students():
    found = interval(np.array([[20.0], [20.4], [20.2]]))
    assert found.high - found.mean == pytest.approx(4.3027 * 0.2 / math.sqrt(3), rel=1e-4)


def test_a_difference_over_one_image_has_no_interval():
    assert paired_interval(np.ones((3, 1)), np.zeros((3, 1))).low is None


def test_holm_multiplies_the_smallest_p_by_all_the_next_by_one_less_and_never_falls():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


@given(st.lists(st.floats(0, 1), max_size=8))
def test_a_corrected_p_is_at_least_the_raw_one_and_at_most_one(p_values):
    corrected = holm(p_values)
    assert all(raw <= new <= 1 for raw, new in zip(p_values, corrected, strict=True))


def test_no_difference_at_all_is_no_evidence():
    assert wilcoxon_p(np.zeros(10)) == 1.0


def test_the_same_sign_on_ten_images_is_the_smallest_p_that_ten_can_give():
    assert wilcoxon_p(np.arange(1.0, 11.0)) == pytest.approx(2 / 2**10)
