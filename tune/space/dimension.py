"""One hyper-parameter that a search may change: its range, and what can be asked of it.

Which dimensions there are, and how a range is read from text, is in `tune.space.ranges`.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tune.errors import UsageError, exact_number

Value = int | float | str
Values = Mapping[str, Value]
"""Values by the names of their dimensions."""

Kind = Literal["float", "int", "categorical"]


@dataclass(frozen=True)
class Dimension:
    """One hyper-parameter that a search may change, and where it may go.

    Attributes:
        name: The training parameter, as in every flag, table and figure.
        kind: "float" and "int" have inclusive bounds, "categorical" has choices.
        low: Lower bound; None for choices.
        high: Upper bound; None for choices.
        log: Whether equal ratios, rather than equal steps, are equally likely.
        choices: The values of a categorical dimension, in rising order where they are numbers.
        unit: Unit of the values, "1" for pure numbers, "" for names.
        doc: What it changes, and why the range is what it is.
    """

    name: str
    kind: Kind
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()
    unit: str = "1"
    doc: str = ""

    def __post_init__(self) -> None:
        if self.kind == "categorical":
            self._check_choices()
        else:
            self._check_bounds()

    def _check_bounds(self) -> None:
        low, high = self.low, self.high
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
            raise UsageError(
                f"the range of {self.name} needs two finite bounds, found {low} and {high}: "
                f"write --range {self.name}=LOW:HIGH"
            )
        if low < 0 or (self.log and low == 0):
            rule = "above 0" if self.log else "0 or more"
            raise UsageError(
                f"the lower bound of {self.name} must be {rule}, found {exact_number(low)}: "
                f"raise it with --range {self.name}=LOW:HIGH"
            )
        if low >= high:
            raise UsageError(
                f"the lower bound of {self.name} must be below the upper one, found "
                f"{exact_number(low)} and {exact_number(high)}: swap or widen them "
                f"with --range {self.name}=LOW:HIGH"
            )

    def _check_choices(self) -> None:
        if not self.choices or len(set(self.choices)) < len(self.choices):
            raise UsageError(
                f"the choices of {self.name} must be different values, found "
                f"{format_values(self.choices) or 'none'}: write --range {self.name}=A,B,C"
            )

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values that limit the dimension: both bounds, or every choice."""
        if self.low is None or self.high is None:
            return self.choices
        return (self.low, self.high)

    def typed(self, value: Any) -> Value:
        """Return a value from a table, a file or a sampler in the dimension's own type.

        >>> Dimension("warmup_epochs", "int", 0, 5).typed(3.0)
        3
        """
        if self.kind == "categorical":
            return type(self.choices[0])(value)
        return int(value) if self.kind == "int" else float(value)

    def contains(self, value: Value) -> bool:
        """Return whether the dimension can take a value."""
        if self.kind == "categorical":
            return value in self.choices
        assert self.low is not None
        assert self.high is not None
        return not isinstance(value, str) and self.low <= value <= self.high

    def nearest(self, value: Value) -> Value:
        """Return the value of this dimension that is nearest to a value from elsewhere.

        Raises:
            UsageError: If the dimension has names for choices and the value is none of them.
        """
        if self.kind != "categorical":
            assert self.low is not None
            assert self.high is not None
            bounded = min(max(float(value), self.low), self.high)
            return round(bounded) if self.kind == "int" else bounded
        if value in self.choices:
            return next(choice for choice in self.choices if choice == value)
        numbers = [choice for choice in self.choices if not isinstance(choice, str)]
        if isinstance(value, str) or not numbers:
            raise UsageError(
                f"{self.name} must be one of {format_values(self.choices)}, found {value!r}: "
                "choose one of these"
            )
        return min(numbers, key=lambda choice: abs(choice - value))

    def position(self, value: Value) -> float | None:
        """Return where a value lies in the range: 0 at the lower end, 1 at the upper one.

        Numeric choices count by rank.

        Returns:
            The share of the range (of its logarithm where `log`), or None for names and for a
            single choice, which have no ends.
        """
        if self.kind == "categorical":
            if any(isinstance(choice, str) for choice in self.choices) or len(self.choices) < 2:
                return None
            return self.choices.index(value) / (len(self.choices) - 1)
        assert self.low is not None
        assert self.high is not None
        low, high, here = self.low, self.high, float(value)
        if self.log:
            low, high, here = math.log(low), math.log(high), math.log(here)
        return (here - low) / (high - low)


def format_range(dimension: Dimension) -> str:
    """Return the text that `tune.space.ranges.parse_range` reads as this dimension.

    >>> format_range(Dimension("base_channels", "categorical", choices=(16, 48)))
    'base_channels=16,48'
    """
    if dimension.kind == "categorical":
        return f"{dimension.name}={format_values(dimension.choices)}"
    return f"{dimension.name}={dimension.low}:{dimension.high}"


def format_values(values: Iterable[Value]) -> str:
    """Return values as in a range: separated by commas, without spaces."""
    return ",".join(str(value) for value in values)
