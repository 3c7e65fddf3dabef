"""What several figures share: an empty figure with our look, a title that wraps, the ratio axis."""

import textwrap
from typing import Any

import plotly.graph_objects as go

from analysis.page.palette import LIGHT

TITLE_CHARACTERS = 58
"""Longest line of a title that a window of 390 px has room for."""

MIN_MARKS = 3
"""A figure of fewer marks is nearly empty: a sentence or a table says it better."""

RATIO_AXIS: dict[str, Any] = {
    "type": "log",
    "tickvals": [2, 4, 8, 16, 32, 64, 128],
    "ticktext": ["2x", "4x", "8x", "16x", "32x", "64x", "128x"],
    "title": "nominal ratio, elements / latent elements",
}
"""Layout of an axis of nominal ratios."""


RATE_AXIS: dict[str, Any] = {
    "type": "log",
    "tickvals": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    "ticktext": ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1", "2", "5", "10"],
    "title": "rate, bit/px (all bytes)",
}
"""Layout of an axis of real rates."""


def base_figure() -> go.Figure:
    """Return an empty figure with the light template, to be drawn into."""
    return go.Figure(layout={"template": go.layout.Template(LIGHT), "height": 460})


def with_title(figure: go.Figure, words: str) -> go.Figure:
    """Give a figure small words above it, wrapped for a phone, and room for them; return it.

    They stand in `meta` too: a page shows them as text of its own instead.
    """
    lines = [line for part in words.split("\n") for line in textwrap.wrap(part, TITLE_CHARACTERS)]
    figure.update_layout(
        title={
            "text": "\n".join(lines),
            "font": {"size": 12},
            "x": 0,
            "xref": "container",
            "y": 1,
            "yanchor": "top",
            "yref": "container",
            "pad": {"t": 12, "l": 10},
        },
        margin={"t": 20 + 17 * len(lines)},
        meta={**(figure.layout.meta or {}), "words": "; ".join(words.split("\n"))},
    )
    return figure
