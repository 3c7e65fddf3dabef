import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tune.errors import UsageError
from tune.space.dimension import Dimension, format_range
from tune.space.dimensions import DEFAULT_TUNE, DIMENSIONS, find_dimension
from tune.space.ranges import build_space, parse_range

FLOAT_NAMES = [name for name, dimension in DIMENSIONS.items() if dimension.kind == "float"]
positive = st.floats(min_value=1e-9, max_value=1e6)


@given(st.sampled_from(FLOAT_NAMES), positive, positive)
def test_a_range_of_bounds_is_read_as_it_was_written(name: str, one: float, other: float) -> None:
    assume(one != other)
    low, high = sorted((one, other))
    dimension = parse_range(f"{name}={low}:{high}")
    assert (dimension.low, dimension.high) == (low, high)
    assert parse_range(format_range(dimension)) == dimension


@given(st.lists(st.integers(1, 512), min_size=1, max_size=6, unique=True))
def test_a_range_of_choices_is_read_as_it_was_written_in_rising_order(widths: list[int]) -> None:
    dimension = parse_range("base_channels=" + ",".join(map(str, widths)))
    assert dimension.choices == tuple(sorted(widths))
    assert parse_range(format_range(dimension)) == dimension


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_built_in_range_can_be_written_and_read(name: str) -> None:
    assert parse_range(format_range(DIMENSIONS[name])) == DIMENSIONS[name]


def test_a_range_keeps_the_logarithm_of_its_dimension() -> None:
    assert parse_range("learning_rate=1e-4:1e-3").log


def test_choices_make_a_float_dimension_categorical() -> None:
    dimension = parse_range("learning_rate=1e-3,1e-4")
    assert (dimension.kind, dimension.choices, dimension.log) == (
        "categorical",
        (1e-4, 1e-3),
        False,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rate=-1e-5:1e-3", "must be above 0, found -1e-05"),
        ("learning_rate=0:1e-3", "must be above 0, found 0"),
        ("learning_rate=1e-3:1e-3", "must be below the upper one, found 0.001 and 0.001"),
        ("learning_rate=1e-2:1e-3", "must be below the upper one, found 0.01 and 0.001"),
        ("learning_rate=nan:1", "two finite bounds, found nan"),
        ("learning_rate=1e-5:inf", "two finite bounds, found 1e-05 and inf"),
        ("learning_rate=a:b", "takes numbers, found 'a'"),
        ("learning_rate", "NAME=LOW:HIGH"),
        ("learnin_rate=1:2", "did you mean learning_rate?"),
        ("warmup_epochs=0.5:3", "takes whole numbers, found '0.5'"),
        ("warmup_epochs=-1:3", "must be 0 or more, found -1"),
        ("base_channels=16:48", "searched over choices, found the range '16:48'"),
        ("base_channels=16,16", "must be different values, found 16,16"),
        ("base_channels=-16", "finite and 0 or more, found -16"),
        ("base_channels=", "takes whole numbers, found ''"),
        ("schedule=cosin", "did you mean cosine?"),
    ],
)
def test_a_range_that_cannot_be_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_range(text)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_misspelt_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match=r"found 'warmup_epoch': did you mean warmup_epochs\?"):
        build_space(["warmup_epoch"], [])


def test_the_space_has_the_named_dimensions_in_their_order() -> None:
    assert build_space(["dropout", "learning_rate"], []).names == ("dropout", "learning_rate")


def test_a_later_range_of_a_dimension_replaces_an_earlier_one() -> None:
    space = build_space(["warmup_epochs"], ["warmup_epochs=0:9", "warmup_epochs=1:2"])
    assert space.dimensions == (parse_range("warmup_epochs=1:2"),)


@pytest.mark.parametrize("names", [[], ["dropout", "dropout"]])
def test_no_name_and_a_repeated_name_are_refused(names: list[str]) -> None:
    with pytest.raises(UsageError, match="different names"):
        build_space(names, [])


def test_a_range_of_what_is_not_searched_is_refused() -> None:
    with pytest.raises(UsageError, match="found dropout while searching learning_rate"):
        build_space(["learning_rate"], ["dropout=0:0.1"])


def test_a_space_contains_a_point_inside_all_its_ranges_only() -> None:
    space = build_space(DEFAULT_TUNE, [])
    point = {"learning_rate": 1e-4, "warmup_epochs": 3, "base_channels": 48}
    assert space.contains(point)
    assert not space.contains(point | {"warmup_epochs": 6})
    assert not space.contains(point | {"base_channels": 20})


def test_both_bounds_belong_to_a_range() -> None:
    dimension = parse_range("warmup_epochs=1:4")
    assert [value for value in range(7) if dimension.contains(value)] == [1, 2, 3, 4]


@given(st.floats(allow_nan=False, min_value=-1e9, max_value=1e9))
def test_the_nearest_value_lies_in_the_range(value: float) -> None:
    for dimension in DIMENSIONS.values():
        if dimension.name != "schedule":
            assert dimension.contains(dimension.nearest(value))


def test_the_nearest_value_of_one_inside_is_itself() -> None:
    assert DIMENSIONS["learning_rate"].nearest(2e-4) == 2e-4
    assert DIMENSIONS["base_channels"].nearest(32) == 32
    assert DIMENSIONS["schedule"].nearest("cosine") == "cosine"


def test_a_name_that_is_no_choice_has_no_nearest() -> None:
    with pytest.raises(UsageError, match="found 'step'"):
        DIMENSIONS["schedule"].nearest("step")


def test_the_middle_of_a_logarithmic_range_is_the_geometric_mean() -> None:
    assert parse_range("learning_rate=1e-4:1e-2").position(1e-3) == pytest.approx(0.5)
    assert parse_range("dropout=0.1:0.3").position(0.2) == pytest.approx(0.5)


def test_choices_have_positions_by_rank_and_names_have_none() -> None:
    widths = parse_range("base_channels=8,12,48")
    assert [widths.position(width) for width in widths.choices] == [0, 0.5, 1]
    assert DIMENSIONS["schedule"].position("cosine") is None
    assert parse_range("base_channels=8").position(8) is None


def test_every_dimension_explains_itself() -> None:
    assert all(dimension.doc for dimension in DIMENSIONS.values())
    assert find_dimension("dropout") is DIMENSIONS["dropout"]


def test_a_dimension_needs_two_bounds() -> None:
    with pytest.raises(UsageError, match=r"two finite bounds, found 1\.0 and None"):
        Dimension("dropout", "float", low=1.0)
