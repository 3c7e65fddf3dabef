"""Verdicts: closed forms where there are any, and words that say no more than the numbers."""

import numpy as np
import pytest
from scipy import stats

from tune.space.points import CONTROL, Candidate
from tune.statistics.race import margin_db
from tune.statistics.verdicts import (
    chances_of_best,
    judge_candidates,
    paired_difference,
    seed_interval,
    shrinkage_db,
)

VALUES = {"base_channels": 16, "learning_rate": 1e-3, "warmup_epochs": 3}


def candidate(name: str, search_db: float | None = None) -> Candidate:
    return Candidate(name, VALUES, None, None, search_db, None, None)


def scores_of(means_db, num_images=30, noise_db=0.05):
    """Candidates with one mean per seed, on images of common difficulty."""
    generator = np.random.default_rng(0)
    images = generator.normal(0, 3, num_images)
    images -= images.mean()
    return {
        name: {
            seed: mean + images + generator.normal(0, noise_db, num_images)
            for seed, mean in enumerate(of_seed)
        }
        for name, of_seed in means_db.items()
    }


def judged(means_db, raced_out=(), search_db=None, **known):
    candidates = [candidate(name, (search_db or {}).get(name)) for name in means_db]
    verdicts = judge_candidates(candidates, scores_of(means_db, **known), raced_out, seed=0)
    return {verdict.candidate: verdict for verdict in verdicts}


def test_the_interval_over_seeds_is_that_of_students_t():
    scores_db = [20.0, 20.2, 20.7]
    expected = stats.t.interval(0.95, 2, np.mean(scores_db), stats.sem(scores_db))
    found = seed_interval(scores_db)
    assert (found.low, found.high) == pytest.approx(expected)


def test_one_seed_has_a_mean_and_no_interval():
    assert (seed_interval([20.0]).mean, seed_interval([20.0]).low) == (20.0, None)


def test_seeds_that_agree_have_an_interval_of_no_width():
    assert seed_interval([20.0, 20.0]).low == seed_interval([20.0, 20.0]).high == 20.0


def test_a_clear_winner_is_best_and_the_others_worse():
    found = judged(
        {"c1": [21.0, 21.1, 20.9], "c2": [20.0, 20.1, 19.9], CONTROL: [19.0, 19.1, 19.0]}
    )
    assert [one.verdict for one in found.values()] == ["best", "worse", "worse"]
    assert [one.place for one in found.values()] == [1, 2, 3]
    assert found["c1"].p_best == 1.0


def test_candidates_that_differ_less_than_their_seeds_are_tied():
    found = judged(
        {"c1": [20.0, 20.4, 19.7], "c2": [20.2, 19.9, 19.9], CONTROL: [15.0, 15.1, 15.0]}
    )
    assert [found[name].verdict for name in ("c1", "c2", CONTROL)] == ["tied", "tied", "worse"]


def test_a_difference_of_all_seeds_is_seen_through_their_common_scatter():
    """Seeds scatter by a decibel, the same way for both: paired, 0.3 dB is clear."""
    found = judged({"c1": [20.3, 21.3, 19.3], "c2": [20.0, 21.0, 19.0]})
    assert found["c1"].verdict == "best"
    assert found["c1"].rival_gain_db.mean == pytest.approx(0.3, abs=0.05)
    assert found["c1"].rival_gain_db.low > 0


def test_one_that_was_raced_out_says_so_and_comes_last():
    found = judged({"c1": [20.0, 20.1], "c2": [20.5]}, raced_out=["c2"])
    assert (found["c2"].verdict, found["c2"].place) == ("raced_out", 2)
    assert (found["c1"].p_best, found["c2"].p_best) == (1.0, 0.0)


def test_one_that_was_raced_out_takes_no_seeds_from_the_others():
    """With seed 0 alone c2 would be the best; over all seeds c1 is."""
    scores = {"c1": [20.0, 21.0, 21.0], "c2": [20.5, 20.0, 20.0], "c3": [15.0]}
    found = judged(scores, raced_out=["c3"])
    assert found["c1"].p_best > 0.5


@pytest.mark.parametrize(("ahead_db", "word"), [(0.8, "tied"), (0.9, "best")])
def test_with_one_seed_only_a_lead_beyond_the_margin_of_the_race_is_one(ahead_db, word):
    found = judged({"c1": [20.0 + ahead_db], "c2": [20.0]})
    assert margin_db(1) == pytest.approx(0.85, abs=0.01)
    assert found["c1"].verdict == word


def test_two_seeds_that_agree_on_who_is_ahead_but_not_by_how_much_leave_a_tie():
    """The mean lead is 0.5 dB; the bootstrap had called it clear, from 0.3 to 0.7 dB."""
    found = judged({"c1": [20.3, 20.7], "c2": [20.0, 20.0]})
    assert found["c1"].verdict == "tied"
    assert found["c1"].rival_gain_db.low < 0 < found["c1"].rival_gain_db.mean


def test_one_image_leaves_no_interval_and_a_tie():
    images = np.array([20.0])
    scores = {"c1": {0: images + 5, 1: images + 5}, "c2": {0: images, 1: images}}
    gain = paired_difference(scores, "c1", "c2")
    assert (gain.mean, gain.low, gain.high) == (5.0, None, None)
    verdicts = judge_candidates([candidate("c1"), candidate("c2")], scores, (), seed=0)
    assert [one.verdict for one in verdicts] == ["tied", "tied"]


def test_the_control_has_no_gain_over_itself():
    found = judged({"c1": [21.0, 21.1], CONTROL: [20.0, 20.1]})
    assert found[CONTROL].control_gain_db is None
    assert found["c1"].control_gain_db.mean == pytest.approx(1.0, abs=0.05)
    assert found[CONTROL].rival_gain_db.mean == pytest.approx(-1.0, abs=0.05)


def test_a_single_candidate_has_no_rival_and_is_best():
    found = judged({"c1": [21.0]})
    assert (found["c1"].rival_gain_db, found["c1"].control_gain_db) == (None, None)
    assert (found["c1"].verdict, found["c1"].p_best) == ("best", 1.0)


def test_chances_of_being_best_add_up_to_one():
    chances = chances_of_best(scores_of({"c1": [20.0, 20.2], "c2": [20.1, 20.0]}), seed=0)
    assert sum(chances.values()) == pytest.approx(1.0)


def test_equal_candidates_share_their_chances():
    images = np.arange(5.0)
    assert chances_of_best({"c1": {0: images}, "c2": {0: images}}, seed=0) == {"c1": 0.5, "c2": 0.5}


def test_differences_are_over_common_seeds_only():
    images = np.zeros(4)
    scores = {"c1": {0: images + 20, 1: images + 99}, "c2": {0: images + 19}}
    assert paired_difference(scores, "c1", "c2").mean == pytest.approx(1.0)
    assert paired_difference({"c1": {0: images}, "c2": {1: images}}, "c1", "c2") is None


def test_shrinkage_is_the_fall_of_the_lead_over_the_control():
    """In the search 2 dB ahead of the control, promoted 0.5 dB ahead: 1.5 dB were luck."""
    means_db = {"c1": 22.5, CONTROL: 22.0}
    assert shrinkage_db(candidate("c1", 20.0), candidate(CONTROL, 18.0), means_db) == 1.5


def test_without_a_score_of_the_control_the_fall_is_the_candidates_own():
    means_db = {"c1": 19.5, CONTROL: 22.0}
    assert shrinkage_db(candidate("c1", 20.0), candidate(CONTROL), means_db) == 0.5
    assert shrinkage_db(candidate("c1"), candidate(CONTROL, 18.0), means_db) is None


def test_nothing_finished_is_judged_as_nothing():
    assert judge_candidates([candidate("c1")], {"c1": {}}, (), seed=0) == ()


def test_the_same_scores_and_seed_give_the_same_verdicts():
    means_db = {"c1": [20.0, 20.4], "c2": [20.2, 19.9]}
    assert judged(means_db) == judged(means_db)
