"""Edges of ranges, and where to look next: every suggested range is one that a search takes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tune.space.dimension import Dimension, format_range
from tune.space.dimensions import DIMENSIONS
from tune.space.edges import EDGE_SHARE, find_edge, next_range
from tune.space.ranges import parse_range

RATE = Dimension("learning_rate", "float", 1e-4, 1e-2, log=True)
WARMUP = Dimension("warmup_epochs", "int", 0, 5, unit="epochs")
CHANNELS = Dimension("base_channels", "categorical", choices=(16, 32, 48), unit="channels")
SCHEDULE = Dimension("schedule", "categorical", choices=("plateau", "cosine"), unit="")


@pytest.mark.parametrize(
    ("dimension", "value", "end"),
    [
        (RATE, 1e-4, "lower"),
        (RATE, 1e-4 * 100 ** (EDGE_SHARE + 1e-6), None),
        (RATE, 1e-2, "upper"),
        (WARMUP, 5, "upper"),
        (WARMUP, 0, None),
        (CHANNELS, 48, "upper"),
        (CHANNELS, 32, None),
        (SCHEDULE, "cosine", None),
        (Dimension("dropout", "float", 0.0, 0.9), 0.9, None),
    ],
)
def test_a_value_in_the_outer_tenth_is_an_edge_unless_nothing_lies_beyond(dimension, value, end):
    edge = find_edge(dimension, value)
    assert (edge and edge.end) == end


def test_a_warning_says_which_way_to_widen():
    edge = find_edge(RATE, 0.01)
    assert edge is not None
    assert "widen learning rate upward with --range" in edge.words


def test_at_an_edge_the_range_reaches_half_its_length_beyond():
    found = next_range(RATE, 0.01, [0.01])
    assert (found.low, found.high) == (1e-4, 0.1)
    assert next_range(WARMUP, 5, []).high == 8
    assert next_range(WARMUP, 5, [], largest=6).high == 6
    assert next_range(CHANNELS, 48, []).choices == (16, 32, 48, 64)
    assert next_range(CHANNELS, 16, []).choices == (8, 16, 32, 48)


def test_inside_the_range_narrows_to_what_was_good_with_a_margin_and_never_grows():
    found = next_range(RATE, 1e-3, [8e-4, 1e-3, 2e-3])
    assert (found.low, found.high) == (pytest.approx(2.5e-4), pytest.approx(6.3e-3))
    assert next_range(CHANNELS, 16, [16, 16, 16]).choices == (8, 16, 32)
    assert next_range(SCHEDULE, "cosine", ["cosine"] * 3).choices == ("cosine",)


def test_two_good_trials_narrow_nothing():
    assert next_range(RATE, 1e-3, [1e-3, 2e-3]) == RATE


@given(st.sampled_from(sorted(DIMENSIONS)), st.data())
def test_every_proposed_range_can_be_searched_and_holds_the_best_value(name, data):
    dimension = DIMENSIONS[name]
    values = (
        st.sampled_from(dimension.choices)
        if dimension.kind == "categorical"
        else st.integers(int(dimension.low), int(dimension.high))
        if dimension.kind == "int"
        else st.floats(dimension.low, dimension.high)
    )
    good = data.draw(st.lists(values, min_size=1, max_size=6))
    found = next_range(dimension, good[0], good)
    again = parse_range(format_range(found))
    assert again.ends == found.ends
    if dimension.kind == "categorical":
        assert found.contains(good[0])
    else:
        assert found.low <= good[0] * 1.06
        assert found.high >= good[0] * 0.94
        assert math.isfinite(found.high)
