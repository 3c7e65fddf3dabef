"""What a night came to, on curves whose answer is known in closed form."""

import math

import pytest

from tests.tune.simulation.families import EPOCHS, late_crossers, noisy, parallel
from tests.tune.simulation.test_night import LEADER, NONE, night_of
from tune.scheduling.rules import StoppingRule
from tune.simulation.regret import (
    epochs_to,
    hours_to,
    rank_correlations,
    regret_after,
    regrets,
    stops,
)
from tune.space.points import KnownPoint


def test_the_regret_falls_to_nothing_when_all_ran_to_their_end():
    found = regrets(night_of(parallel(5)))
    assert (found[:-1] >= found[1:]).all()
    assert found[-1] == 0


def test_the_regret_is_what_the_best_score_lacks():
    night = night_of(parallel(1))
    assert regret_after(night, 1) == pytest.approx(0.64)  # 0.08 dB an epoch, eight epochs to go
    assert regret_after(night, EPOCHS) == 0
    assert regret_after(night, 100) == 0


def test_before_the_first_epoch_nothing_is_in_hand():
    assert regret_after(night_of(parallel(2)), 0) == math.inf


@pytest.mark.parametrize(("within", "expected"), [(0.0, 9.0), (0.35, 5.0), (0.64, 1.0)])
def test_epochs_until_near_are_counted_from_one(within, expected):
    night = night_of(parallel(1))
    assert epochs_to(night, within + 1e-9) == expected
    assert hours_to(night, within + 1e-9) == pytest.approx(expected * 10 / 3600)


def test_what_is_never_reached_is_infinite():
    night = night_of(late_crossers(6), LEADER, workers=1)
    assert epochs_to(night, -1.0) == math.inf
    assert hours_to(night, -1.0) == math.inf


def test_curves_that_never_cross_give_no_wrong_stop():
    truth = parallel(12)
    best_first = (KnownPoint("hand_set", truth.configurations[-1].values),)
    found = stops(night_of(truth, LEADER, workers=1, known=best_first))
    assert (found.num_stopped, found.num_wrong, found.lost) == (11, 0, 0.0)


def test_late_crossers_make_an_early_rule_wrong():
    found = stops(night_of(late_crossers(12), LEADER))
    assert found.num_wrong > 0
    assert found.lost > 0


def test_a_rule_that_waits_for_the_crossing_is_right():
    rule = StoppingRule("leader", 4, 3, 0.1)
    assert stops(night_of(late_crossers(12), rule)).lost == 0


def test_without_a_rule_nothing_is_stopped():
    assert stops(night_of(parallel(4), NONE)).num_stopped == 0


def test_rank_correlations_of_curves_that_never_cross_are_one():
    assert rank_correlations(parallel(6)) == pytest.approx([1.0] * EPOCHS)


def test_rank_correlations_of_late_crossers_turn_round():
    found = rank_correlations(late_crossers(6))
    assert (found[0], found[-1]) == (pytest.approx(-1.0), pytest.approx(1.0))


def test_equally_good_configurations_rank_by_chance():
    found = rank_correlations(noisy(400, 0.1, 1))
    assert abs(found[0]) < 0.2  # four standard deviations of chance
