"""Best values at the edge of their range, and where to look next. Pure: knows only dimensions.

A best value in the outer part of its range is a finding: the optimum may lie outside. The summary
of a search warns of it, the run log also suggests the next space.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tune.space.dimension import Dimension, Value, format_range

EDGE_SHARE = 0.1
"""A best value in the outer tenth of its range is at the edge: the optimum may lie outside."""

LARGEST = {"mse_weight": 1.0, "dropout": 0.9}
"""Values beyond which a dimension means nothing, or is refused."""

MIN_GOOD = 3
"""Good trials below which they do not narrow a range."""


@dataclass(frozen=True)
class Edge:
    """A best value at the end of a range.

    Attributes:
        dimension: The dimension.
        value: The best value.
        end: "lower" or "upper".
    """

    dimension: Dimension
    value: Value
    end: str

    @property
    def words(self) -> str:
        """The finding and what to do, in a sentence."""
        shown = self.value if isinstance(self.value, str) else f"{self.value:.3g}"
        direction = "downward" if self.end == "lower" else "upward"
        return (
            f"the best {self.dimension.name} ({shown}) lies at the {self.end} end of "
            f"{format_range(self.dimension)}: widen {self.dimension.name.replace('_', ' ')} "
            f"{direction} with --range"
        )


def find_edge(dimension: Dimension, value: Value) -> Edge | None:
    """Return the edge that a best value lies at; None inside, for names, and where it cannot widen.

    Nothing lies below 0, nor above the largest value that means something.
    """
    share = dimension.position(value)
    if share is None or EDGE_SHARE < share < 1 - EDGE_SHARE or value == 0:
        return None
    end = "lower" if share <= EDGE_SHARE else "upper"
    if end == "upper" and float(value) >= LARGEST.get(dimension.name, math.inf):
        return None
    return Edge(dimension, value, end)


def next_range(
    dimension: Dimension, best: Value, good: Sequence[Value], largest: float = math.inf
) -> Dimension:
    """Return where to search a dimension next.

    At an edge the range reaches beyond it: by half its length (of the logarithm where `log`, and
    then at most a decade), by one more choice of numbers. Elsewhere it narrows to what the good
    trials span, widened by a quarter of the old range on both sides, and never leaves the old range
    there.

    Args:
        dimension: Its range so far.
        best: The best value.
        good: The values of the good trials; under three, nothing narrows.
        largest: Largest value that makes sense, such as the epochs for a warmup.
    """
    largest = min(largest, LARGEST.get(dimension.name, math.inf))
    edge = find_edge(dimension, best)
    if dimension.kind == "categorical":
        return _next_choices(dimension, best, good, edge, largest)
    assert dimension.low is not None
    assert dimension.high is not None
    if dimension.log:
        low, high = math.log(dimension.low), math.log(dimension.high)
        values = [math.log(float(value)) for value in good]
    else:
        low, high = dimension.low, dimension.high
        values = [float(value) for value in good]
    length = high - low
    new_low, new_high = low, high
    if len(values) >= MIN_GOOD:
        new_low = max(low, min(values) - length / 4)
        new_high = min(high, max(values) + length / 4)
    if edge is not None and edge.end == "lower":
        new_low = low - _reach(dimension, length)
    if edge is not None and edge.end == "upper":
        new_high = high + _reach(dimension, length)
    if dimension.log:
        new_low, new_high = _round_sig(math.exp(new_low)), _round_sig(math.exp(new_high))
    elif dimension.kind == "int":
        new_low, new_high = float(math.floor(new_low)), float(math.ceil(new_high))
    else:
        new_low, new_high = _round_sig(new_low), _round_sig(new_high)
    new_low, new_high = max(new_low, 0.0), min(new_high, max(largest, dimension.low))
    if new_low >= new_high:
        return dimension
    if dimension.kind == "int":
        return replace(dimension, low=int(new_low), high=int(new_high))
    return replace(dimension, low=new_low, high=new_high)


def _next_choices(
    dimension: Dimension, best: Value, good: Sequence[Value], edge: Edge | None, largest: float
) -> Dimension:
    """Return the choices that good trials had, those beside the best one, and one more at an edge.

    Names are only narrowed, to those of good trials.
    """
    choices = list(dimension.choices)
    kept = set(choices)
    if len(good) >= MIN_GOOD:
        place = choices.index(best)
        is_ordered = dimension.position(best) is not None
        beside = choices[max(place - 1, 0) : place + 2] if is_ordered else [best]
        kept = {*good, *beside}
    narrowed = [choice for choice in choices if choice in kept]
    numbers = [choice for choice in choices if not isinstance(choice, str)]
    if edge is not None and edge.end == "upper":
        further = numbers[-1] + (numbers[-1] - numbers[-2])
        if further <= largest:
            narrowed.append(further)
    if edge is not None and edge.end == "lower":
        nearer = numbers[0] - (numbers[1] - numbers[0])
        narrowed.insert(0, nearer if nearer > 0 else _half(numbers[0]))
    return replace(dimension, choices=tuple(dict.fromkeys(narrowed)))


def _reach(dimension: Dimension, length: float) -> float:
    """Return how far a range widens: half its length, on a logarithmic one at most a decade."""
    return min(length / 2, math.log(10)) if dimension.log else length / 2


def _half(number: int | float) -> int | float:
    return max(number // 2, 1) if isinstance(number, int) else number / 2


def _round_sig(value: float) -> float:
    """Return a value with two significant digits, so that a range can be read."""
    return float(f"{value:.2g}")
