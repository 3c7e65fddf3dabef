"""Intervals of scores: closed forms, references, and coverage with few seeds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tune.statistics.intervals import lone_seed_half_db, mean_half, paired_half_db, unpaired_half_db

OF_SEEDS = [0.1, 0.5, 0.3]


def on_images(of_seeds_db, num_images=4):
    """Scores of seeds, the same on every image."""
    return np.repeat(np.array(of_seeds_db)[:, None], num_images, axis=1)


@given(st.lists(st.floats(-40, 40), min_size=2, max_size=9))
def test_the_half_width_of_a_mean_is_that_of_scipy(means):
    expected = stats.sem(means) * stats.t.ppf(0.975, len(means) - 1)
    assert mean_half(np.array(means)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_where_images_agree_only_seeds_count():
    assert paired_half_db(on_images(OF_SEEDS)) == pytest.approx(mean_half(np.array(OF_SEEDS)))


def test_where_seeds_agree_only_images_count():
    images = np.array([0.1, 0.7, -0.2, 0.4])
    assert paired_half_db(np.stack([images] * 3)) == pytest.approx(mean_half(images))


def test_the_terms_of_seeds_and_images_add_as_squares():
    images = np.array([0.3, -0.3, 0.1, -0.1])
    half = paired_half_db(on_images(OF_SEEDS) + images)
    assert half**2 == pytest.approx(mean_half(np.array(OF_SEEDS)) ** 2 + mean_half(images) ** 2)


def test_one_seed_takes_the_assumed_spread_and_one_image_leaves_nothing():
    assert paired_half_db(on_images([0.3])) == pytest.approx(lone_seed_half_db(1, 1))
    assert unpaired_half_db(on_images([20.3]), on_images(OF_SEEDS)) == pytest.approx(
        lone_seed_half_db(1, 3)
    )
    assert paired_half_db(np.zeros((3, 1))) is None
    assert unpaired_half_db(np.zeros((3, 1)), np.zeros((2, 1))) is None


def test_the_term_of_seeds_that_are_not_paired_is_that_of_welch():
    scores_db, others_db = [20.0, 20.3, 20.1], [19.0, 19.9]
    low, high = stats.ttest_ind(scores_db, others_db, equal_var=False).confidence_interval(0.95)
    half = unpaired_half_db(on_images(scores_db), on_images(others_db))
    assert half == pytest.approx((high - low) / 2)


@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_the_interval_covers_the_true_difference_as_often_as_it_says(num_seeds):
    """Four standard errors of 2000 samples; a bootstrap of seeds covered half to four fifths."""
    rng = np.random.default_rng(num_seeds)
    covered = []
    for _ in range(2000):
        difference_db = (
            rng.normal(0, 0.28, (num_seeds, 1))
            + rng.normal(0, 0.3, (1, 20))
            + rng.normal(0, 0.1, (num_seeds, 20))
        )
        covered.append(abs(difference_db.mean()) <= paired_half_db(difference_db))
    assert np.mean(covered) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 2000)
