"""Axes and shades of searched values: ticks at round numbers, an order that is seen."""

import math
from collections.abc import Sequence
from typing import Any

from analysis.page.palette import LIGHT
from tune.space.dimension import Dimension

SHADES = ("#c2df23", "#51c56a", "#1e9b8a", "#3d7fa8", "#8e44ad")
"""After viridis, from light to dark, without the ends that white or black paper swallows."""

MAX_TICKS = 8

MOST_COUNTED = 10
"""Up to here an axis of counts has a tick at each; the drawing's own choice has none between."""

SPENT = "epochs spent, all trials together"
"""Title of an axis of the epochs of a search."""


def axis_title(dimension: Dimension) -> str:
    """Return the name of a dimension with its unit.

    >>> axis_title(Dimension("warmup_epochs", "int", 0, 5, unit="epochs"))
    'warmup epochs'
    """
    name = dimension.name.replace("_", " ")
    is_said = dimension.unit in {"", "1"} or name.endswith(dimension.unit)
    return name if is_said else f"{name} [{dimension.unit}]"


def ticks_of(dimension: Dimension) -> tuple[list[float | str] | None, list[str] | None]:
    """Return where an axis has ticks and what stands there; None where the drawing may choose.

    Choices and few whole numbers have a tick each, logarithmic ranges one at 1, 2 and 5 of each
    decade, or fewer where these are too many.

    >>> ticks_of(Dimension("learning_rate", "float", 1e-4, 1e-3, log=True))[1]
    ['0.0001', '0.0002', '0.0005', '0.001']
    """
    if dimension.kind == "categorical":
        return list(dimension.choices), [str(choice) for choice in dimension.choices]
    assert dimension.low is not None
    assert dimension.high is not None
    if not dimension.log:
        is_counted = dimension.kind == "int" and dimension.high - dimension.low <= MAX_TICKS
        if not is_counted:
            return None, None
        whole = range(int(dimension.low), int(dimension.high) + 1)
        return list(whole), [str(value) for value in whole]
    values = log_ticks(dimension.low, dimension.high)
    return list(values), [short_number(value) for value in values]


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers within a positive range: 1, 2 and 5 of each decade, or fewer."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        ticks = [
            float(f"{digit}e{decade}")
            for decade in decades
            for digit in digits
            if low * 0.999 <= float(f"{digit}e{decade}") <= high * 1.001
        ]
        if len(ticks) <= MAX_TICKS:
            return ticks or [low, high]
    return ticks[:: math.ceil(len(ticks) / MAX_TICKS)]


def short_number(value: float) -> str:
    """Return a number as short as it can be read back.

    >>> short_number(3e-05), short_number(0.01), short_number(16)
    ('3e-5', '0.01', '16')
    """
    return f"{value:.3g}".replace("e-0", "e-").replace("e+0", "e")


def count_axis(title: str, most: float) -> dict[str, Any]:
    """Return the layout of an axis of whole numbers, from 0 on: there is no half epoch or trial.

    Args:
        title: What is counted.
        most: The largest number that is shown.

    >>> count_axis("epoch", 3)
    {'title': 'epoch', 'rangemode': 'tozero', 'dtick': 1}
    >>> count_axis("epoch", 60)
    {'title': 'epoch', 'rangemode': 'tozero', 'dtick': None}
    """
    return {"title": title, "rangemode": "tozero", "dtick": 1 if most <= MOST_COUNTED else None}


def shade_of(place: int, num_places: int) -> str:
    """Return the shade of one of several ordered values, from light to dark."""
    if num_places <= 1:
        return SHADES[2]
    where = place / (num_places - 1) * (len(SHADES) - 1)
    low = min(int(where), len(SHADES) - 2)
    ends = zip(_rgb(SHADES[low]), _rgb(SHADES[low + 1]), strict=True)
    mixed = [round(a + (where - low) * (b - a)) for a, b in ends]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def cut_bars(num_bars: int = 1) -> dict[str, Any]:
    """Return the layout of a figure of bars that are cut into parts; the legend is below them."""
    bars_px = 90 + 26 * (num_bars - 1)
    return {
        "template": LIGHT,
        "barmode": "stack",
        "height": bars_px + 140,
        "margin": {"t": 30, "b": 110},
        "legend": {"y": -67.5 / bars_px, "traceorder": "normal"},
    }


def _rgb(colour: str) -> Sequence[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
