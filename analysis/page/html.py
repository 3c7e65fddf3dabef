"""One HTML page from sections: self-contained, no request, light and dark, keyboard and phone.

Takes sections, gives the text of the page. plotly.js is embedded once, every figure as JSON that is
drawn when it comes near the window; colours of paper, text and grid are exchanged with the scheme.
A page has a budget: figures beyond it are left out with a sentence that names their CSV.
"""

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.io
from plotly.offline import get_plotlyjs

from analysis.page.palette import DARK, LIGHT
from analysis.page.section import NamedFigure, NamedTable, Section

MAX_PAGE_MB = 15
"""A page is smaller than this."""

MAX_TABLE_ROWS = 200
"""Rows of a table that the page shows; its CSV has all."""

MARGIN_BYTES = 10_000
LEFT_OUT_BYTES = 500
"""What a page keeps free, and what the sentence about a figure that was left out may take."""

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        text: The HTML.
        left_out: Names of figures that the budget left out.
    """

    text: str
    left_out: tuple[str, ...]


def build_page(title: str, about: str, sections: Sequence[Section]) -> Page:
    """Return the page.

    Args:
        title: Its heading.
        about: Small words beside it: what it was made from.
        sections: In their order; the first one is the answer.
    """
    start = _before(title, about, sections)
    end = (
        f"<script>{_script((_HERE / 'page.js').read_text(encoding='utf-8'))}</script></body></html>"
    )
    specs = {figure.name: _spec(figure) for section in sections for figure in section.figures}
    parts = [_section(section, specs) for section in sections]
    num_bytes = sum(len(part.encode()) for part in (start, *parts, end))
    left_out = _left_out(specs, num_bytes - int(MAX_PAGE_MB * 1e6))
    if left_out:
        kept = {name: spec for name, spec in specs.items() if name not in left_out}
        parts = [_section(section, kept) for section in sections]
    return Page("\n".join([start, *parts, "</main>", end]), left_out)


def _left_out(specs: Mapping[str, str], num_bytes: int) -> tuple[str, ...]:
    """Return figures to leave out to save so many bytes: the last ones, which are studies'."""
    found: list[str] = []
    saved = -MARGIN_BYTES
    for name in reversed(list(specs)):
        if saved >= num_bytes:
            break
        found.append(name)
        saved += len(specs[name]) - LEFT_OUT_BYTES
    return tuple(reversed(found)) if num_bytes > -MARGIN_BYTES else ()


def _before(title: str, about: str, sections: Sequence[Section]) -> str:
    """Return everything before the first section."""
    links = "".join(
        f'<li><a href="#{section.anchor}">{html.escape(section.title)}</a></li>'
        for section in sections
    )
    templates = json.dumps({"light": LIGHT, "dark": DARK})
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
script-src 'unsafe-inline'; img-src data: blob:; font-src data:">
<link rel="icon" href="data:,">
<title>{html.escape(title)}</title>
<style>{style}</style>
<script>{_script(get_plotlyjs())}</script>
<script type="application/json" id="templates">{_script(templates)}</script>
</head>
<body>
<a class="skip" href="#{sections[0].anchor if sections else ""}">to the answer</a>
<header><h1>{html.escape(title)}</h1><p class="about">{html.escape(about)}</p>
<button id="scheme" type="button">dark scheme</button></header>
<nav aria-label="Sections"><details{" open" if len(sections) <= 8 else ""}>\
<summary>{len(sections)} sections</summary><ul>{links}</ul></details></nav>
<noscript><p>Figures and sorting need JavaScript; the numbers are in the CSV files.</p></noscript>
<main>"""


def _script(text: str) -> str:
    """Return text that cannot end the script element that it stands in."""
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def _spec(figure: NamedFigure) -> str:
    """Return the figure's JSON without its template, which the page has once."""
    spec = json.loads(plotly.io.to_json(figure.figure, validate=False))
    spec.get("layout", {}).pop("template", None)
    return json.dumps(spec, separators=(",", ":"))


def _section(section: Section, specs: Mapping[str, str]) -> str:
    paragraphs = "".join(f"<p>{html.escape(text)}</p>" for text in section.paragraphs)
    is_alone = len(section.figures) == 1
    figures = "".join(
        _figure(figure, specs.get(figure.name), is_alone) for figure in section.figures
    )
    tables = "".join(_table(table) for table in section.tables)
    return (
        f'<section aria-labelledby="{section.anchor}"><h2 id="{section.anchor}">'
        f'<a href="#{section.anchor}">{html.escape(section.title)}</a></h2>{paragraphs}'
        f"{f'<div class=figures>{figures}</div>' if figures else ''}{tables}</section>"
    )


def _figure(figure: NamedFigure, spec: str | None, is_alone: bool) -> str:
    caption = f"{figure.caption} Numbers: figures/{figure.name}.csv."
    if spec is None:
        words = f"Left out to keep the page under {MAX_PAGE_MB} MB. {caption}"
        return f"<p>{html.escape(words)}</p>"
    height = figure.figure.layout.height or 460
    is_wide = is_alone or (figure.figure.layout.meta or {}).get("is_wide", False)
    return (
        f"<figure{' class=wide' if is_wide else ''}>"
        f'<div class="plot" id="{figure.name}" data-spec="spec-{figure.name}" role="img" '
        f'aria-label="{html.escape(figure.caption, quote=True)}" style="min-height:{height}px">'
        f"</div><figcaption>{html.escape(caption)}</figcaption>"
        f'<script type="application/json" id="spec-{figure.name}">{_script(spec)}</script></figure>'
    )


def _table(table: NamedTable) -> str:
    shown = table.frame.head(MAX_TABLE_ROWS)
    is_number = [
        pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
        for kind in shown.dtypes
    ]
    heads = "".join(
        f'<th scope="col"{" class=number" if number else ""}>'
        f'<button type="button">{html.escape(str(name))}</button></th>'
        for name, number in zip(shown.columns, is_number, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(map(_cell, row, is_number)) + "</tr>"
        for row in shown.itertuples(index=False, name=None)
    )
    more = len(table.frame) - len(shown)
    caption = f"{table.caption} Numbers: tables/{table.name}.csv." + (
        f" {more} more rows are there." if more > 0 else ""
    )
    return (
        f'<p class="caption" id="{table.name}-caption">{html.escape(caption)}</p>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{table.name}-caption">'
        f'<table id="{table.name}" aria-labelledby="{table.name}-caption">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(value: Any, is_number: bool) -> str:
    if is_number:
        is_missing = pd.isna(value) or (isinstance(value, float) and not math.isfinite(value))
        data = "" if is_missing else repr(float(value))
        return f'<td class="number" data-value="{data}">{"" if is_missing else _number(value)}</td>'
    return f"<td>{'' if pd.isna(value) else html.escape(str(value))}</td>"


def _number(value: float) -> str:
    """Return a number as a person reads it: whole ones whole, others with four digits."""
    return f"{int(value)}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"
