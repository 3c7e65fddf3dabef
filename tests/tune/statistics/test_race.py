"""Who gets no further seeds: only the clearly worse, and the same answer every time."""

import numpy as np
import pytest

from tune.space.points import CONTROL
from tune.statistics.race import common_seeds, margin_db, race, resampled_means


def scores_of(means_db, num_seeds=1, num_images=40, noise_db=0.05, image_spread_db=3.0):
    """Scores per image with a common difficulty of images and an own noise."""
    generator = np.random.default_rng(1)
    images = generator.normal(0, image_spread_db, num_images)
    return {
        name: {
            seed: mean + images + generator.normal(0, noise_db, num_images)
            for seed in range(num_seeds)
        }
        for name, mean in means_db.items()
    }


@pytest.mark.parametrize(("behind_db", "is_out"), [(0.0, False), (0.7, False), (1.1, True)])
def test_a_candidate_is_out_when_it_is_behind_by_more_than_the_margin(behind_db, is_out):
    drops = race(scores_of({"c1": 20.0, "c2": 20.0 - behind_db}), seed=0)
    assert [drop.candidate for drop in drops] == (["c2"] if is_out else [])


def test_images_that_are_hard_for_all_do_not_hide_a_difference():
    """The images scatter by 3 dB; unpaired, 1.1 dB over 40 images would be little."""
    assert race(scores_of({"c1": 20.0, "c2": 18.9}), seed=0)


def test_images_that_disagree_keep_a_candidate_in():
    scores = scores_of({"c1": 20.0, "c2": 19.0}, num_images=10, noise_db=5.0)
    assert not race(scores, seed=0)


def test_seeds_that_disagree_keep_a_candidate_in():
    images = np.zeros(20)
    scores = {
        "c1": {0: images + 22.0, 1: images + 20.0, 2: images + 20.0},
        "c2": {0: images + 19.0, 1: images + 20.5, 2: images + 20.5},
    }
    assert not race(scores, seed=0)


def test_more_seeds_need_a_smaller_distance():
    assert margin_db(1) > margin_db(2) > margin_db(3)
    assert not race(scores_of({"c1": 20.0, "c2": 19.4}, num_seeds=1), seed=0)
    assert race(scores_of({"c1": 20.0, "c2": 19.4}, num_seeds=3), seed=0)


def test_the_control_is_never_out():
    assert not race(scores_of({"c1": 20.0, CONTROL: 10.0}), seed=0)


def test_the_control_can_lead():
    (drop,) = race(scores_of({"c1": 19.0, CONTROL: 20.0}), seed=0)
    assert (drop.candidate, drop.leader, drop.num_seeds) == ("c1", CONTROL, 1)


def test_a_candidate_without_a_finished_seed_is_not_judged():
    scores = scores_of({"c1": 20.0, "c2": 19.0})
    scores["c3"] = {}
    assert [drop.candidate for drop in race(scores, seed=0)] == ["c2"]


@pytest.mark.parametrize("scores", [{}, {"c1": {}}, {"c1": {0: np.ones(3)}, "c2": {1: np.ones(3)}}])
def test_nothing_in_common_decides_nothing(scores):
    assert race(scores, seed=0) == ()


def test_the_same_scores_and_seed_give_the_same_answer():
    scores = scores_of({"c1": 20.0, "c2": 19.2, "c3": 18.0}, num_seeds=2)
    assert race(scores, seed=7) == race(scores, seed=7)


def test_common_seeds_are_those_of_all():
    one = np.ones(2)
    assert common_seeds({"a": {0: one, 1: one, 2: one}, "b": {2: one, 1: one}}) == (1, 2)


def test_resampled_means_of_a_constant_are_that_constant():
    assert np.allclose(resampled_means(np.full((2, 3, 5), 7.0), seed=0), 7.0)


def test_resampling_scatters_as_theory_says():
    """The mean of n independent draws of variance s² has variance s² / n."""
    values = np.random.default_rng(0).normal(0, 1, (1, 1, 400))
    samples = resampled_means(values, seed=0, num_samples=20000)
    assert samples.std() == pytest.approx(values.std() / 20, rel=0.03)


def test_candidates_are_drawn_alike():
    values = np.random.default_rng(0).normal(0, 1, (1, 3, 30))
    first, second = resampled_means(np.concatenate([values, values + 1.0]), seed=0)
    assert np.allclose(second - first, 1.0)
