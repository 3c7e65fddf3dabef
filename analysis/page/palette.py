"""One look for all figures: a colour and a symbol per architecture, forms of outcomes, templates.

The colours are Okabe and Ito's (Color Universal Design, 2008), told apart by people of every kind
of colour vision. No meaning hangs on colour alone: architectures differ in symbol, codecs in dash,
outcomes in symbol. Colours of marks are readable on white and on black; what must change with the
scheme (paper, text, grid) is only in the templates.
"""

import zlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

SKY_BLUE = "#56B4E9"
BLUE = "#0072B2"
ORANGE = "#E69F00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
VERMILLION = "#D55E00"
GREY = "#808080"

FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"


@dataclass(frozen=True)
class Style:
    """How one thing is drawn everywhere.

    Attributes:
        label: Its name in legends.
        colour: Of lines and marks, as #rrggbb.
        symbol: Plotly's name of the mark.
        dash: Plotly's name of the line's dash.
    """

    label: str
    colour: str
    symbol: str
    dash: str


_ARCHITECTURES: Mapping[str, Style] = {
    "baseline": Style("baseline", BLUE, "circle", "solid"),
    "resnet": Style("resnet", ORANGE, "square", "solid"),
    "residual": Style("residual", GREEN, "diamond", "solid"),
    "attention": Style("attention", PURPLE, "triangle-up", "solid"),
    "linear": Style("linear (trained)", VERMILLION, "hexagram", "8px,4px"),
}

KNOWN_ARCHITECTURES = tuple(_ARCHITECTURES)
"""Those with a style of their own, in the order of legends and tables; the last has no network."""

_CODECS: Mapping[str, Style] = {
    "jpeg2000": Style("JPEG2000", GREY, "x-thin-open", "dash"),
    "hevc_intra": Style("HEVC intra", GREY, "cross-thin-open", "dot"),
    "avif": Style("AVIF", GREY, "y-up-open", "longdashdot"),
    "block_klt": Style("block KLT", GREY, "line-ew-open", "longdash"),
    "down_up": Style("down-up", GREY, "line-ns-open", "dashdot"),
}

GAUSSIAN_BOUND = Style("Gaussian bound", GREY, "line-nw-open", "solid")
"""The one thin solid line: no codec, and without marks."""

_MORE_COLOURS = (VERMILLION, SKY_BLUE)
_MORE_SYMBOLS = ("pentagon", "star", "hexagon", "triangle-down", "bowtie", "hourglass")

OUTCOMES: Mapping[str, Style] = {
    "completed": Style("completed", GREEN, "circle", "solid"),
    "stopped": Style("stopped", BLUE, "triangle-down", "dash"),
    "diverged": Style("diverged", VERMILLION, "x", "dot"),
    "out_of_memory": Style("out of memory", VERMILLION, "cross", "dot"),
    "failed": Style("failed", VERMILLION, "star-diamond", "dot"),
    "rejected": Style("rejected", PURPLE, "square-open", "dot"),
    "interrupted": Style("interrupted", ORANGE, "hourglass", "dashdot"),
    "running": Style("running", SKY_BLUE, "circle-open", "solid"),
}
"""How each outcome is drawn; "running" stands for a trial without one. Crashes share a colour and
differ in symbol."""


def style_of(name: str) -> Style:
    """Return how an architecture or codec is drawn; an unknown name always gets the same style.

    Example:
        >>> style_of("jpeg2000").label
        'JPEG2000'
    """
    known = _ARCHITECTURES.get(name) or _CODECS.get(name)
    if known is not None:
        return known
    number = zlib.crc32(name.encode())
    return Style(
        name,
        _MORE_COLOURS[number % len(_MORE_COLOURS)],
        _MORE_SYMBOLS[number % len(_MORE_SYMBOLS)],
        "solid",
    )


def capital(name: str) -> str:
    """Return the label of an architecture as a sentence begins with it.

    >>> capital("linear")
    'Linear (trained)'
    """
    label = style_of(name).label
    return label[:1].upper() + label[1:]


def architecture_order(names: AbstractSet[str]) -> tuple[str, ...]:
    """Return architectures as every legend and table has them: the known ones first."""
    known = [name for name in _ARCHITECTURES if name in names]
    return (*known, *sorted(set(names) - set(known)))


def _scheme(paper: str, text: str, grid: str) -> dict[str, Any]:
    axis = {
        "gridcolor": grid,
        "linecolor": text,
        "zerolinecolor": grid,
        "tickcolor": text,
        "showline": True,
        "ticks": "outside",
        "automargin": True,
        "title": {"standoff": 8},
    }
    return {
        "layout": {
            "paper_bgcolor": paper,
            "plot_bgcolor": paper,
            "font": {"family": FONT, "size": 13, "color": text},
            "title": {"font": {"size": 15}, "x": 0, "xref": "paper", "xanchor": "left"},
            "colorway": [BLUE, ORANGE, GREEN, PURPLE, VERMILLION, SKY_BLUE],
            "xaxis": axis,
            "yaxis": axis,
            "legend": {
                "orientation": "h",
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "y": 0,
                "yanchor": "bottom",
                "yref": "container",
                "bgcolor": "rgba(0,0,0,0)",
            },
            "margin": {"l": 60, "r": 20, "t": 40, "b": 60},
            "hoverlabel": {"font": {"family": FONT}},
            "colorscale": {"sequential": [[0, "#440154"], [0.5, "#21918c"], [1, "#fde725"]]},
            "annotationdefaults": {"font": {"color": text}},
        }
    }


LIGHT: Mapping[str, Any] = _scheme("#ffffff", "#1f2328", "#e3e6ea")
"""Plotly template of the light scheme: what figures are drawn with."""

DARK: Mapping[str, Any] = _scheme("#14171c", "#e6e9ee", "#333a44")
"""Plotly template of the dark scheme."""
