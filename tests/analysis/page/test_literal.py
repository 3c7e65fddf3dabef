"""Text of figures is escaped in one place, so that Plotly shows it as it is."""

import importlib
import pkgutil

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analysis
from analysis.page.literal import escape, literal
from tests.analysis.nasty import NASTY

ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}


def read_by_plotly(text: str) -> str:
    """What Plotly shows of escaped text: it replaces each entity once, and knows these tags."""
    text = text.replace("<br>", "\n")
    assert "<" not in text
    for entity in ("&lt;", "&gt;", "&amp;"):  # the last is the last to be replaced
        text = text.replace(entity, ENTITIES[entity])
    return text


@given(st.text())
def test_what_is_escaped_is_read_back_as_it_was(text):
    assert read_by_plotly(escape(text)) == text


@pytest.mark.parametrize("text", NASTY)
def test_a_template_keeps_its_own_tag_and_nothing_else(text):
    template = escape(f"%{{y}}\n{text.replace('<extra>', '')}<extra></extra>", is_template=True)
    assert template.endswith("<extra></extra>")
    assert read_by_plotly(template.removesuffix("<extra></extra>")).startswith("%{y}\n")


@literal
def draw(text: str) -> go.Figure:
    figure = go.Figure()
    figure.add_scatter(
        x=[text, "other"],
        y=[1, 2],
        name=text,
        text=[text, None],
        customdata=[[text, 1.5], ["plain", 2.5]],
        hovertemplate="%{customdata[0]}\n<extra></extra>",
        marker={"color": [0, 1], "colorbar": {"title": {"text": text}}},
    )
    figure.add_scatter(x=[[text], ["c1"]], y=np.array([1.0]))
    figure.add_annotation(text=text, x=0, y=0)
    figure.update_xaxes(title=text, ticktext=[text], tickvals=[0], categoryarray=[text])
    return figure


@pytest.mark.parametrize("text", NASTY)
def test_every_text_of_a_figure_is_escaped_wherever_it_stands(text):
    figure = draw(text)
    trace, pairs = figure.data
    shown = [
        *(trace.x[0], trace.name, trace.text[0], trace.customdata[0][0], pairs.x[0][0]),
        *(trace.marker.colorbar.title.text, figure.layout.annotations[0].text),
        *(figure.layout.xaxis.title.text, figure.layout.xaxis.ticktext[0]),
        figure.layout.xaxis.categoryarray[0],
    ]
    assert set(shown) == {escape(text)}
    assert trace.hovertemplate == "%{customdata[0]}<br><extra></extra>"


def test_numbers_of_a_figure_stay_what_they_are():
    figure = draw("plain")
    assert figure.data[0].customdata[0][1] == 1.5
    assert list(figure.data[1].y) == [1.0]


def test_every_function_that_draws_is_literal():
    bare = []
    for module in pkgutil.walk_packages(analysis.__path__, "analysis."):
        found = importlib.import_module(module.name)
        bare += [
            name
            for name, value in vars(found).items()
            if name.startswith("draw_")
            and value.__module__ == module.name
            and not hasattr(value, "__wrapped__")
        ]
    assert bare == []
