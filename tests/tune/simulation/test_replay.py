"""Many nights with one setting: what is counted, and which settings are replayed."""

from dataclasses import replace

import pytest

from tests.tune.simulation.families import EPOCHS, late_crossers, parallel
from tune.scheduling.rules import StoppingRule
from tune.simulation.replay import Setting, replay
from tune.simulation.settings import Asked, default_rule, settings
from tune.space.points import KnownPoint

OWN = Setting(default_rule("psnr"), is_own=True)


def test_without_a_rule_all_epochs_are_spent_and_nothing_is_lost():
    rule = StoppingRule("none", 1, 3, 0.1)
    found = replay(parallel(6), Setting(rule, "random"), num_nights=3, num_workers=2)
    assert (found.share_spent, found.regret.value, found.lost) == (1.0, 0.0, 0.0)
    assert found.false_stops is None


def test_a_rule_that_is_too_hasty_is_seen():
    truth = late_crossers(10)
    hasty, patient = (
        replay(
            truth,
            Setting(StoppingRule("leader", grace, 3, 0.1), "random"),
            num_nights=8,
            num_workers=2,
        )
        for grace in (1, 4)
    )
    assert hasty.lost > 0.8
    assert patient.lost == 0.0
    assert hasty.regret.value > patient.regret.value


def test_points_are_read_at_shares_of_the_budget():
    found = replay(parallel(6), Setting(OWN.rule, "random"), num_nights=2, num_workers=1)
    assert found.regret_at(1.0).value == found.regret.value
    regrets = [point.regret.value for point in found.points]
    assert regrets == sorted(regrets, reverse=True)


def test_a_good_start_is_near_at_once():
    truth = parallel(12)
    known = [KnownPoint("hand_set", truth.configurations[-1].values)]
    found = replay(truth, Setting(OWN.rule, "random"), num_nights=4, num_workers=1, known=known)
    assert found.epochs_to_near == 8.0  # 0.08 dB an epoch: the eighth lacks one


def test_the_own_setting_is_replayed_first_and_once():
    found = settings(Asked(), OWN, EPOCHS, "psnr")
    assert found[0] is OWN
    assert len({(one.rule, one.searcher, one.trials) for one in found}) == len(found)


def test_what_is_asked_for_is_replayed_in_all_combinations():
    asked = Asked(
        schedulers=("asha",), grace_epochs=(1, 3), reduction_factors=(2, 3), searchers=("random",)
    )
    found = settings(asked, OWN, EPOCHS, "psnr")[1:]
    assert len(found) == 4
    assert {one.rule.scheduler for one in found} == {"asha"}


@pytest.mark.parametrize("max_epochs", [1, 2, 3])
def test_a_grace_as_long_as_the_trials_is_left_out(max_epochs):
    found = settings(
        Asked(), replace(OWN, rule=StoppingRule("none", 1, 3, 0.1)), max_epochs, "psnr"
    )
    assert all(one.rule.grace_epochs <= max(1, max_epochs - 1) for one in found[1:])


def test_budgets_are_trials_or_hours():
    found = settings(Asked(trials=(5, 7), hours=(0.5,)), OWN, EPOCHS, "psnr")[1:]
    assert {(one.trials, one.hours) for one in found} == {(5, None), (7, None), (None, 0.5)}
