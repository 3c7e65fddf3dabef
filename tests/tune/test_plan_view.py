"""What a search prints: the flags of its best trial."""

import pytest

from tune.config import SearchConfig
from tune.plan_view import best_flags
from tune.settings import settings_of
from tune.space import DEFAULT_TUNE, DIMENSIONS


def test_the_next_command_repeats_every_searched_value(make_record):
    best = make_record(0, [20.0], learning_rate=2.345e-3).spec
    assert best_flags(best, ["schedule", "learning_rate"]) == (
        "--learning-rate 0.00234 --warmup-epochs 3 --base-channels 8 --schedule plateau"
    )


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_has_a_flag(name, make_record):
    flags = best_flags(make_record(0).spec, [name])
    assert settings_of(SearchConfig)[name].flag in flags
    assert flags.startswith("--learning-rate ")
    assert len(flags.split()) == 2 * len({*DEFAULT_TUNE, name})
