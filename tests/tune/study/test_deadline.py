"""What a search with a deadline chooses: trials first, then data; what the user set stays."""

from dataclasses import replace

import pytest

from tune.errors import UsageError
from tune.scheduling.rules import StoppingRule
from tune.study.deadline import MOST_TRIALS, RESERVE, Work, choose
from tune.study.estimate import EpochTime

WORK = Work(
    rule=StoppingRule("leader", 2, 3, 0.1),
    trials=10,
    epochs=6,
    data_fraction=0.02,
    epoch=EpochTime(train_s=50.0, val_s=10.0),
    num_workers=2,
    free=frozenset({"trials", "data_fraction"}),
)
HOUR_S = 3600.0


@pytest.mark.parametrize("hours", [0.2, 0.5, 1.0, 2.0, 8.0, 100.0])
def test_what_is_chosen_fits(hours):
    assert choose(WORK, hours * HOUR_S).expected_s <= hours * HOUR_S


@pytest.mark.parametrize("hours", [0.2, 0.5, 1.0])
def test_a_short_search_has_fewer_trials_on_the_same_data(hours):
    choice = choose(WORK, hours * HOUR_S)
    assert choice.trials < MOST_TRIALS
    assert choice.data_fraction == WORK.data_fraction


def test_more_time_is_more_trials():
    assert choose(WORK, HOUR_S / 2).trials < choose(WORK, HOUR_S).trials


def test_a_long_search_has_the_most_trials_on_more_data_and_keeps_a_reserve():
    choice = choose(WORK, 8 * HOUR_S)
    assert choice.trials == MOST_TRIALS
    assert 0.04 < choice.data_fraction < 1
    assert choice.expected_s <= 8 * HOUR_S * (1 - RESERVE)


def test_there_is_no_more_than_all_the_data():
    assert choose(WORK, 1000 * HOUR_S).data_fraction == 1


def test_what_the_user_set_stays():
    choice = choose(replace(WORK, free=frozenset()), 8 * HOUR_S)
    assert (choice.trials, choice.data_fraction) == (WORK.trials, WORK.data_fraction)


def test_data_that_the_user_set_stay_where_trials_are_free():
    choice = choose(replace(WORK, free=frozenset({"trials"})), 8 * HOUR_S)
    assert (choice.trials, choice.data_fraction) == (MOST_TRIALS, WORK.data_fraction)


def test_trials_that_the_user_set_get_less_data_if_they_fit_then():
    work = replace(WORK, free=frozenset({"data_fraction"}), trials=40)
    choice = choose(work, HOUR_S)
    assert choice.trials == 40
    assert WORK.data_fraction / 4 <= choice.data_fraction < WORK.data_fraction


def test_trials_that_do_not_fit_on_any_data_keep_those_of_the_profile():
    work = replace(WORK, free=frozenset({"data_fraction"}), trials=1000)
    assert choose(work, HOUR_S).data_fraction == WORK.data_fraction


def test_too_short_a_deadline_names_the_shortest_possible_one():
    with pytest.raises(UsageError, match=r"at least (\S+) h away for one trial of 6") as refusal:
        choose(WORK, 100.0)
    least = float(str(refusal.value).split()[6])
    assert choose(WORK, least * HOUR_S).trials >= 1
