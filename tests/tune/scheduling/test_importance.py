"""Importance: scores that depend on one dimension alone say so, and too little says nothing."""

import math

import numpy as np
import pytest

from tune.outcomes import Outcome
from tune.scheduling.importance import MIN_TRIALS, evaluate_importance
from tune.space.ranges import build_space
from tune.study.space_rows import dimension_rows, importance_rows
from tune.tables.schemas import SCHEMAS

SPACE = build_space(
    ["learning_rate", "base_channels"], ["learning_rate=3e-5:1e-2", "base_channels=8,16,32"]
)


@pytest.fixture
def make_study(make_record):
    """Make trials whose score is the logarithm of the learning rate and nothing else."""

    def make(num_trials, outcome=Outcome.COMPLETED):
        rng = np.random.default_rng(0)
        rates = np.exp(rng.uniform(math.log(3e-5), math.log(1e-2), num_trials))
        widths = rng.choice([8, 16, 32], num_trials)
        return [
            make_record(
                n,
                [20.0, 40.0 + math.log(rate)],
                outcome,
                learning_rate=float(rate),
                base_channels=int(width),
            )
            for n, (rate, width) in enumerate(zip(rates, widths, strict=True))
        ]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("evaluator", ["ped_anova", "fanova"])
def test_what_alone_decides_the_score_has_nearly_all_importance(make_study, evaluator):
    found = evaluate_importance(make_study(40), SPACE.dimensions, 2)
    for score in ("completed", "first_rung"):
        shares = {
            one.dimension: one.importance
            for one in found
            if one.evaluator == evaluator and one.score == score
        }
        assert sum(shares.values()) == pytest.approx(1.0)
        assert shares["learning_rate"] > 0.8


def test_the_first_rung_asks_crashed_trials_too_and_the_end_only_completed_ones(make_study):
    found = evaluate_importance(make_study(10, Outcome.DIVERGED), SPACE.dimensions, 2)
    assert {(one.score, one.epoch, one.num_trials) for one in found} == {("first_rung", 2, 10)}


@pytest.mark.parametrize(("num_trials", "is_said"), [(MIN_TRIALS - 1, False), (MIN_TRIALS, True)])
def test_a_few_trials_say_nothing(make_study, num_trials, is_said):
    assert bool(evaluate_importance(make_study(num_trials), SPACE.dimensions, None)) is is_said


def test_equal_scores_and_a_single_dimension_have_nothing_to_explain(make_study):
    # at epoch 1 all have 20 dB
    crashed = make_study(20, Outcome.FAILED)
    assert evaluate_importance(crashed, SPACE.dimensions, 1) == []
    assert evaluate_importance(make_study(20), SPACE.dimensions[:1], 2) == []
    assert evaluate_importance([], SPACE.dimensions, 2) == []


@pytest.mark.slow
def test_the_same_trials_give_the_same_importance(make_study):
    first, second = (evaluate_importance(make_study(20), SPACE.dimensions, 2) for _ in range(2))
    assert first == second


def test_rows_have_the_columns_of_their_schemas(make_study):
    (row, *_) = importance_rows("s", evaluate_importance(make_study(8), SPACE.dimensions, None))
    assert sorted(row) == sorted(SCHEMAS["importance"].names)
    rows = dimension_rows("s", SPACE)
    assert sorted(rows[0]) == sorted(SCHEMAS["dimensions"].names)
    assert [row["choices"] for row in rows] == ["", "8,16,32"]
