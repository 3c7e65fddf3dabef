"""Replays in numbers and in words."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tune.statistics.replayed import Mean, Replayed, advised, answer, ratio

ONE = Replayed(
    setting="asha grace 3 factor 3, tpe",
    flags="--scheduler asha --grace-epochs 3 --reduction-factor 3",
    objective="psnr",
    is_own=True,
    num_nights=20,
    trials=10,
    max_epochs=9,
    epochs=Mean(45.0, 1.0),
    hours=Mean(0.1, 0.0),
    regret=Mean(0.01, 0.005),
    points=(),
    epochs_to_near=30.0,
    false_stops=Mean(0.05, 0.02),
    lost=0.1,
)
CHEAP = replace(
    ONE, setting="leader", flags="--scheduler leader", is_own=False, epochs=Mean(27.0, 1.0)
)


def test_the_cheaper_of_two_good_settings_is_advised():
    assert advised([ONE, CHEAP]) is CHEAP


@pytest.mark.parametrize(
    "worse",
    [{"regret": Mean(0.06, 0.0)}, {"regret": Mean(0.04, 0.02)}, {"false_stops": Mean(0.11, 0.0)}],
)
def test_a_setting_that_loses_too_much_is_not_advised(worse):
    assert advised([ONE, replace(CHEAP, **worse)]) is ONE


def test_where_none_is_good_the_one_that_loses_least_is_advised():
    bad = [replace(ONE, regret=Mean(one, 0.0)) for one in (0.4, 0.2, 0.3)]
    assert advised(bad) is bad[1]


def test_a_setting_that_stops_nobody_can_be_advised():
    only = replace(ONE, false_stops=None, lost=0.0)
    assert advised([only]) is only
    assert "nobody stopped" in answer([only], 10)


def test_the_answer_says_what_was_lost_and_what_to_set():
    said = answer([ONE, CHEAP], 10)
    assert "lost the winner in 2 of 20 replayed searches of these 10 configurations" in said
    assert "50% of the epochs, 5% of the stops wrong" in said
    assert "Next time --scheduler leader: 30% of the epochs" in said


def test_the_answer_keeps_what_is_good():
    assert answer([ONE], 10).endswith("keep it.")


def test_the_ratio_of_two_sums_covers_the_truth():
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        bottoms = generator.integers(1, 9, 40)
        tops = generator.binomial(bottoms, 0.2)
        found = ratio(tops.tolist(), bottoms.tolist())
        hits += abs(found.value - 0.2) <= found.half
    assert hits / 400 == pytest.approx(0.95, abs=0.04)  # three standard deviations and the skew


def test_nothing_over_nothing_is_unknown():
    assert ratio([0.0, 0.0], [0.0, 0.0]) is None


def test_one_night_has_no_interval():
    assert Mean.of([1.5]) == Mean(1.5, None)
    assert math.isclose(Mean.of([1.5]).high, 1.5)
