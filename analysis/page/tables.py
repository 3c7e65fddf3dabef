"""Tables as HTML: numbers of a column with equal digits, a heat map where there are colours."""

import html
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.page.attributes import element_id
from analysis.page.downloads import download_link
from analysis.page.section import Heat, NamedTable

MAX_TABLE_ROWS = 200
"""Rows of a table that the page shows; its CSV has all."""

SHADES = ("#deebf7", "#08519c")
"""Palest and darkest of a heat map: ColorBrewer's Blues without the end that white paper has."""

LETTERS = ("#ffffff", "#14171c")
"""Colours of letters on it."""

DIGITS = 4
"""Significant digits that the largest number of a column is shown with."""

WIDE_SPAN = 1e5
"""Where the largest number of a column is so many times the smallest, each has its own power."""

_NUMERAL = re.compile(r"[-+±]?\d[\d.,]*(e[-+]?\d+)?( ?%)?")


def table_html(table: NamedTable) -> str:
    """Return a table with its title, its caption and the link to its numbers."""
    shown = table.frame.head(MAX_TABLE_ROWS)
    columns = [_Column(shown[name]) for name in shown.columns]
    heads = "".join(
        f'<th scope="col"{" class=number" if column.is_number else ""}>'
        f'<button type="button">{_heading(str(name))}</button></th>'
        for name, column in zip(shown.columns, columns, strict=True)
    )
    more = len(table.frame) - len(shown)
    caption = table.caption + (f" {more} more rows are there." if more > 0 else "")
    own = element_id(table.name)
    title = f"<h3>{html.escape(table.title)}</h3>" if table.title else ""
    kind = "" if table.heat is None else ' class="heat"'
    return (
        f'<div class="table{"" if table.heat is None else " map"}">{title}'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="{own}-caption">'
        f'<table id="{own}"{kind} aria-labelledby="{own}-caption">'
        f"<thead><tr>{heads}</tr></thead><tbody>{_rows(columns, table.heat)}</tbody></table></div>"
        f"{_key(table.heat)}"
        f'<p class="caption" id="{own}-caption">{html.escape(caption)} '
        f"{download_link('tables', table.name)}</p></div>"
    )


class _Column:
    """The cells of a column, and whether they are numbers."""

    def __init__(self, values: "pd.Series[Any]") -> None:
        kind = values.dtype
        self.values = values.tolist()
        self.is_number = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(
            kind
        )
        if self.is_number:
            self.decimals = _decimals(values.to_numpy(dtype=np.float64, na_value=math.nan))
            return
        texts = [str(value) for value in self.values if not _is_missing(value) and value != ""]
        self.is_number = bool(texts) and all(_NUMERAL.fullmatch(text) for text in texts)
        self.decimals = None

    def cell(self, place: int) -> tuple[str, str]:
        """Return attributes and text of a cell."""
        value = self.values[place]
        if not self.is_number:
            return "", "" if _is_missing(value) else html.escape(_word(value))
        if isinstance(value, str):
            data = re.sub(r"[^\d.e+-]", "", value)
            return f' class="number" data-value="{data}"', html.escape(value)
        if _is_missing(value) or not math.isfinite(value):
            return ' class="number" data-value=""', ""
        return f' class="number" data-value="{float(value)!r}"', number(value, self.decimals)


def number(value: float, decimals: int | None) -> str:
    """Return a number with so many digits behind the point; None for its own power of ten.

    >>> number(-2.5, 2), number(1234567.0, 0), number(0.00004567, None)
    ('-2.50', '1234567', '4.57e-5')
    """
    return f"{value:.3g}".replace("e-0", "e-") if decimals is None else f"{value:.{decimals}f}"


def _decimals(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> int | None:
    """Return how many digits behind the point the numbers of a column have; None for powers."""
    known = np.abs(values[np.isfinite(values)])
    if not known.size or np.all(known == np.round(known)):
        return 0
    top = float(known.max())
    least = float(known[known > 0].min())
    if top / least > WIDE_SPAN or top < 1e-3:
        return None
    most = max(DIGITS - 1 - math.floor(math.log10(top)), 0)
    return max(len(f"{value:.{most}f}".rstrip("0").partition(".")[2]) for value in known)


def _rows(columns: Sequence[_Column], heat: Heat | None) -> str:
    num_rows = len(columns[0].values) if columns else 0
    cells = [
        [_cell(columns, row, place, heat) for place in range(len(columns))]
        for row in range(num_rows)
    ]
    return "".join(f"<tr>{''.join(row)}</tr>" for row in cells)


def _heading(name: str) -> str:
    """Return the name of a column, which may be broken behind an underscore."""
    return html.escape(name).replace("_", "_<wbr>")


def _cell(columns: Sequence[_Column], row: int, place: int, heat: Heat | None) -> str:
    attributes, text = columns[place].cell(row)
    if heat is None:
        return f"<td{attributes}>{text}</td>"
    if place == 0:
        return f'<th scope="row">{text}</th>'
    first, *others = text.split("\n")
    small = "".join(f"<small>{line}</small>" for line in others)
    shade = float(heat.shades.to_numpy(dtype=np.float64)[row, place - 1])
    return f"<td{attributes}{_colours(shade)}><b>{first}</b>{small}</td>"


def _colours(shade: float) -> str:
    """Return the style of a cell: paper, and letters that are read on it."""
    if math.isnan(shade):
        return ""
    paper = mixed(shade)
    text = max(LETTERS, key=lambda colour: contrast(colour, paper))
    return f' style="background:{paper};color:{text}"'


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours after WCAG 2.1, from 1 to 21.

    >>> round(contrast("#ffffff", "#000000"))
    21
    """
    lights = sorted(_light(colour) + 0.05 for colour in (one, other))
    return lights[1] / lights[0]


def _light(colour: str) -> float:
    """Return the relative luminance of a colour."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def mixed(shade: float) -> str:
    """Return the colour of a shade between 0 and 1, as #rrggbb.

    >>> mixed(0.0), mixed(1.0)
    ('#deebf7', '#08519c')
    """
    ends = zip(*([int(end[n : n + 2], 16) for n in (1, 3, 5)] for end in SHADES), strict=True)
    return "#" + "".join(f"{round(a + shade * (b - a)):02x}" for a, b in ends)


def _key(heat: Heat | None) -> str:
    if heat is None or heat.shades.isna().all(axis=None):
        return ""
    return (
        f'<p class="key"><span>{html.escape(heat.low)}</span><span class="bar" '
        f'style="background:linear-gradient(90deg,{SHADES[0]},{SHADES[1]})"></span>'
        f"<span>{html.escape(heat.high)}</span></p>"
    )


def _is_missing(value: Any) -> bool:
    return bool(pd.isna(value))


def _word(value: Any) -> str:
    return {"True": "yes", "False": "no"}.get(str(value), str(value))
