"""Names at the ends of lines: in view, in order, apart."""

from itertools import pairwise

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.rates.labels import LABEL_PX, Line, View, add_labels, spread

PLACES = st.lists(st.floats(0, 400), max_size=12)
VIEW = View((0.1, 2.0), (20.0, 30.0), 400.0)


@given(PLACES)
def test_labels_are_never_closer_than_their_height(wanted):
    places = spread(wanted, 400)
    assert len(places) == len(wanted)
    assert all(after - before >= LABEL_PX - 1e-6 for before, after in pairwise(places))


@given(PLACES)
def test_labels_stay_in_their_room(wanted):
    assert all(-1e-6 <= place <= 400 + 1e-6 for place in spread(wanted, 400))


def test_labels_that_are_apart_stay_where_they_are():
    assert spread([10.0, 60.0, 200.0], 400) == [10.0, 60.0, 200.0]


def labels_of(*lines):
    figure = go.Figure()
    add_labels(figure, lines, VIEW)
    return {one.text: (10**one.x, one.y) for one in figure.layout.annotations}


def test_a_line_is_labelled_at_its_end():
    assert labels_of(Line("a", [0.2, 1.0], [21.0, 25.0]))["a"] == pytest.approx((1.0, 25.0))


def test_a_line_that_leaves_the_view_is_labelled_where_it_does():
    found = labels_of(Line("right", [0.2, 20.0], [21.0, 29.0]), Line("top", [0.2, 1.0], [21.0, 41]))
    assert found["right"] == pytest.approx((2.0, 25.0))
    assert found["top"][1] == pytest.approx(30.0, abs=0.2)


def test_a_line_out_of_view_has_no_label():
    assert labels_of(Line("low", [0.2, 1.0], [1.0, 2.0]), Line("none", [], [])) == {}
