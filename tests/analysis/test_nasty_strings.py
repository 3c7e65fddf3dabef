"""What a user called a corpus, a study or an image is shown as it is, in page and figures."""

import dataclasses
import json
from html.parser import HTMLParser

import pandas as pd
import pytest

from analysis.page.html import build_page
from analysis.report import build_sections
from analysis.runlog import write_runlog
from tests.analysis.nasty import ALL_NASTY

PAGE = {"html", "head", "meta", "link", "title", "style", "script", "body", "noscript", "main"}
PARTS = {
    "header",
    "nav",
    "details",
    "summary",
    "ul",
    "li",
    "section",
    "div",
    "figure",
    "figcaption",
}
WORDS = {"a", "h1", "h2", "h3", "p", "button", "span", "b", "small", "wbr", "img"}
TABLES = {"table", "thead", "tbody", "tr", "th", "td"}
OURS = PAGE | PARTS | WORDS | TABLES


class Reader(HTMLParser):
    """The elements of a page, and its text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.handlers: set[str] = set()
        self.parts: list[str] = []
        self.silent = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.handlers |= {name for name, _ in attributes if name.startswith("on")}
        self.silent += tag in ("script", "style")

    def handle_endtag(self, tag):
        self.silent -= tag in ("script", "style")

    def handle_data(self, text):
        if not self.silent:
            self.parts.append(text)

    @property
    def text(self) -> str:
        return "".join(self.parts)


def strings(value):
    """All strings of a figure, wherever they stand."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def renamed(frames, text):
    """The frames as if corpus, studies, images and groups had been called so."""
    tables = {}
    for field in dataclasses.fields(frames):
        table = getattr(frames, field.name)
        if not isinstance(table, pd.DataFrame):
            continue
        changed = {}
        for column in ("corpus", "group", "image"):
            if column in table:
                changed[column] = table[column] + text
        for column in ("study", "trial", "run"):
            if column in table:
                changed[column] = text + " " + table[column].astype("object")
        if "reason" in table:
            changed["reason"] = table["reason"].fillna("") + text
        tables[field.name] = table.assign(**changed)
    return dataclasses.replace(
        frames, **tables, configs={}, manifests={}, studies=(), notes=(text,)
    )


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def named(recorded):
    frames = renamed(recorded, ALL_NASTY)
    return ALL_NASTY, frames, build_sections(frames)


def test_the_page_has_no_element_but_its_own_and_shows_the_text(named):
    text, _, sections = named
    reader = Reader(build_page(text, text, sections).text)
    assert reader.tags <= OURS
    assert reader.handlers == set()
    for shown in (f"corpus made_up{text}", f"image scene0_0_0{text}", f"north{text} VH"):
        assert shown in reader.text


def test_no_figure_has_it_as_markup(named):
    text, _, sections = named
    raw = {part for part in ("<b>", "<br> line", "<img", "<extra>%{x}") if part in text}
    for section in sections:
        for figure in section.figures:
            spec = json.loads(figure.figure.to_json())
            spec["layout"].pop("meta", None)  # plain text for the page, which Plotly never shows
            shown = list(strings(spec))
            assert not [one for one in shown for part in raw if part in one], figure.name


def test_anchors_and_ids_stay_unique_and_plain(named):
    sections = named[2]
    anchors = [section.anchor for section in sections]
    assert len(set(anchors)) == len(anchors)
    assert not [anchor for anchor in anchors if set(anchor) & set(" \"'<>&")]


def test_the_run_log_has_it_as_it_is(named):
    text, frames, _ = named
    assert f"made_up{text}" in write_runlog(frames)
