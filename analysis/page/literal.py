"""The one place where text becomes Plotly's pseudo-HTML: figures show every string as it is.

Plotly reads `<b>`, `<br>` and `&amp;` in names, labels, titles and hovers. Figures are therefore
made of plain text in which a line break is a newline, and `@literal` over the function that draws
escapes all of it. Only a hover template has tags of its own, `<extra>`; what a user chose does not
belong into a template but into the data that it shows.
"""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec

import numpy as np
import plotly.graph_objects as go

Arguments = ParamSpec("Arguments")

_UNSAID = frozenset({"source", "marker", "line", "template", "meta", "type", "mode"})
"""Keys below which no text is shown: addresses of pictures, colours, symbols, dashes."""

_OWN_TAG = re.compile(r"(</?extra>)")


def literal(draw: Callable[Arguments, go.Figure]) -> Callable[Arguments, go.Figure]:
    """Let a function that draws with plain text return a figure that shows this text."""

    @functools.wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> go.Figure:
        figure = draw(*args, **kwargs)
        for part in (*figure.data, figure.layout):
            changes = _changes(part.to_plotly_json())
            if changes:
                part.update(changes, overwrite=True)
        return figure

    return drawn


def escape(text: str, *, is_template: bool = False) -> str:
    """Return text as Plotly must be given it to show it.

    >>> escape("<b> & co")
    '&lt;b&gt; &amp; co'
    >>> escape("%{x} < 1<extra></extra>", is_template=True)
    '%{x} &lt; 1<extra></extra>'
    """
    if is_template:
        return "".join(
            part if _OWN_TAG.fullmatch(part) else escape(part) for part in _OWN_TAG.split(text)
        )
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain.replace("\n", "<br>")


def _changes(part: dict[str, Any]) -> dict[str, Any]:
    """Return what of a trace or a layout must be given anew, by its keys."""
    changes = {}
    for key, value in part.items():
        if key in _UNSAID and key != "marker":
            continue
        new = _bar_only(value) if key == "marker" else _escaped(value, key)
        if new is not None:
            changes[key] = new
    return changes


def _bar_only(marker: dict[str, Any]) -> dict[str, Any] | None:
    """Of a marker only the bar of its colours has text."""
    new = _escaped(marker.get("colorbar"), "colorbar")
    return None if new is None else {**marker, "colorbar": new}


def _escaped(value: Any, key: str) -> Any:
    """Return a value with its strings escaped; None where nothing in it changes."""
    if isinstance(value, str):
        new = escape(value, is_template=key.endswith("template"))
        return new if new != value else None
    if isinstance(value, dict):
        inner = _changes(value)
        return {**value, **inner} if inner else None
    if isinstance(value, np.ndarray) and value.dtype.kind not in "OU":
        return None
    if isinstance(value, list | tuple | np.ndarray):
        texts = list(_items(value, key))
        if all(new is None for _, new in texts):
            return None
        return [old if new is None else new for old, new in texts]
    return None


def _items(values: Any, key: str) -> Iterator[tuple[Any, Any]]:
    for value in values:
        yield value, None if isinstance(value, int | float) else _escaped(value, key)
