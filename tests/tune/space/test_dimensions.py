"""Every searchable value is declared where it belongs, and read in its own type."""

import pytest

from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.config.search import SearchConfig
from tune.config.settings import settings_of
from tune.space.dimensions import DIMENSIONS, read_values
from tune.tables.schemas import SCHEMAS


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_dimension_is_a_setting_a_field_of_one_configuration_and_a_column(name):
    assert name in settings_of(SearchConfig)
    owners = [owner for owner in (ModelConfig, TrainConfig) if name in owner.__annotations__]
    assert len(owners) == 1
    assert name in SCHEMAS["trials"].names
    assert name in SCHEMAS["runs"].names


def test_values_of_a_row_have_the_types_of_their_settings():
    texts = {name: str(getattr(SearchConfig, name, 8)) for name in DIMENSIONS}
    values = read_values(texts | {"study": "more than the values"})
    kinds = {name: settings_of(SearchConfig)[name].kind for name in DIMENSIONS}
    assert {name: type(value) for name, value in values.items()} == kinds


def test_a_row_without_a_value_is_refused():
    with pytest.raises(KeyError, match="dropout"):
        read_values(
            {name: 1 for name in DIMENSIONS if name not in {"dropout", "schedule"}}
            | {"schedule": "plateau"}
        )
