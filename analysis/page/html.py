"""One HTML page from sections: self-contained, no request, light and dark, keyboard and phone.

Takes sections, gives the text of the page. plotly.js is embedded once, every figure as JSON that is
drawn when it comes near the window; colours of paper, text and grid are exchanged with the scheme.
A page has a budget: figures beyond it are left out with a sentence that names their CSV.
"""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import plotly.io
from plotly.offline import get_plotlyjs

from analysis.page.attributes import attribute, element_id
from analysis.page.comparison import comparison_html
from analysis.page.downloads import download_link
from analysis.page.first_screen import headline_html
from analysis.page.palette import DARK, LIGHT
from analysis.page.section import NamedFigure, Section
from analysis.page.tables import table_html

MAX_PAGE_MB = 15
"""A page is smaller than this."""

BARE_TOP_PX = 24
"""Room above a figure whose words stand in the page."""

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
<nav aria-label="Sections"><details>\
<summary>{len(sections)} sections</summary><ul>{links}</ul></details></nav>
<noscript><p>Figures and sorting need JavaScript; the numbers are in the CSV files.</p></noscript>
<main>"""


def _script(text: str) -> str:
    """Return text that cannot end the script element that it stands in."""
    return text.replace("</", "<\\/").replace("<!--", "<\\!--")


def _spec(figure: NamedFigure) -> str:
    """Return the figure's JSON without its template and words, which the page has as its own."""
    spec = json.loads(plotly.io.to_json(figure.figure, validate=False))
    layout = spec.get("layout", {})
    layout.pop("template", None)
    if layout.get("meta", {}).pop("words", None) is not None:
        layout.pop("title")
        layout["margin"].pop("t")
    layout.setdefault("margin", {}).setdefault("t", BARE_TOP_PX)
    return json.dumps(spec, separators=(",", ":"))


def _section(section: Section, specs: Mapping[str, str]) -> str:
    paragraphs = "".join(f"<p>{html.escape(text)}</p>" for text in section.paragraphs)
    paragraphs = f"<div class=prose>{paragraphs}</div>" if paragraphs else ""
    is_alone = len(section.figures) == 1
    figures = [_figure(figure, specs.get(figure.name), is_alone) for figure in section.figures]
    maps = [table_html(table) for table in section.tables if table.heat is not None]
    tables = "".join(table_html(table) for table in section.tables if table.heat is None)
    comparisons = "".join(map(comparison_html, section.comparisons))
    shown = _side_by_side(figures, maps)
    kind = " class=answer" if section.headline else ""
    if section.is_brief_on_paper:
        kind, tables = " class=brief", tables + _left_off_paper(section)
    head = (
        f'<section aria-labelledby="{section.anchor}"{kind}><h2 id="{section.anchor}">'
        f'<a href="#{section.anchor}">{html.escape(section.title)}</a></h2>'
    )
    if section.headline:
        return f"{head}{headline_html(section)}{shown}{paragraphs}{comparisons}{tables}</section>"
    return f"{head}{paragraphs}{comparisons}{shown}{tables}</section>"


def _left_off_paper(section: Section) -> str:
    """Return the sentence of a print about what only the page has."""
    counts = {"figure": len(section.figures) - 1, "table": len(section.tables) - 1}
    more = [f"{n} more {name}{'s' * (n > 1)}" for name, n in counts.items() if n > 0]
    words = f"This print is brief: the page has {' and '.join(more)} here." if more else ""
    return f'<p class="on-paper">{words}</p>' if words else ""


def _side_by_side(figures: Sequence[str], maps: Sequence[str]) -> str:
    """Return figures in rows of two, or the first one beside the first heat map."""
    if figures and maps:
        first = f'<div class="pair">{figures[0]}{maps[0]}</div>'
        return first + _grid(figures[1:]) + "".join(maps[1:])
    return _grid(figures) + "".join(maps)


def _grid(figures: Sequence[str]) -> str:
    return f"<div class=figures>{''.join(figures)}</div>" if figures else ""


def _figure(figure: NamedFigure, spec: str | None, is_alone: bool) -> str:
    title = f"<h3>{html.escape(figure.title)}</h3>" if figure.title else ""
    link = download_link("figures", figure.name)
    if spec is None:
        words = f"Left out to keep the page under {MAX_PAGE_MB} MB. {figure.caption}"
        return f"<div>{title}<p>{html.escape(words)} {link}</p></div>"
    layout = figure.figure.layout
    meta = layout.meta or {}
    is_wide = is_alone or meta.get("is_wide", False)
    words = f"{html.escape(figure.caption)} {html.escape(_sentence(meta.get('words', '')))}"
    name = element_id(figure.name)
    return (
        f"<figure{' class=wide' if is_wide else ''}>{title}"
        f'<div class="plot" id="{name}" data-spec="spec-{name}" role="img" '
        f'aria-label="{attribute(f"{figure.title}. {figure.caption}".lstrip(". "))}" '
        f'style="min-height:{layout.height or 460}px">'
        f"</div><figcaption>{words} {link}</figcaption>"
        f'<script type="application/json" id="spec-{name}">{_script(spec)}</script></figure>'
    )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}." if words else ""
