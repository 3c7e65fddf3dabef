"""What a search may change about a training: dimensions, their ranges, and the space of a study.

A range is written as text, `learning_rate=1e-5:3e-3` or `base_channels=16,32,48`, the same on the
command line, in a configuration file and in `study.toml`. How a searcher walks the space is
elsewhere (`tune.proposer`); which values a training has when they are not searched, and the
hand-set point made of them, is in `tune.config`.
"""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from models.schedules import SCHEDULES
from tune.errors import UsageError

Value = int | float | str
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
                f"the lower bound of {self.name} must be {rule}, found {low:g}: "
                f"raise it with --range {self.name}=LOW:HIGH"
            )
        if low >= high:
            raise UsageError(
                f"the lower bound of {self.name} must be below the upper one, found {low:g} and "
                f"{high:g}: swap or widen them with --range {self.name}=LOW:HIGH"
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


@dataclass(frozen=True)
class SearchSpace:
    """The dimensions that one study searches, in the order of `--tune`."""

    dimensions: tuple[Dimension, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the dimensions."""
        return tuple(dimension.name for dimension in self.dimensions)

    def contains(self, point: Mapping[str, Value]) -> bool:
        """Return whether the space can reach a point; what it does not search is ignored."""
        return all(dimension.contains(point[dimension.name]) for dimension in self.dimensions)


DIMENSIONS: Mapping[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        Dimension(
            "learning_rate",
            "float",
            3e-5,
            1e-2,
            log=True,
            doc=(
                "highest learning rate. 1e-5 was too low even in 30 long epochs and 3e-3 too high "
                "for 32 channels; narrow networks and short searches like higher rates, so the "
                "range reaches half a decade below and two decades above the hand-set 1e-4"
            ),
        ),
        Dimension(
            "warmup_epochs",
            "int",
            0,
            5,
            unit="epochs",
            doc="epochs of linear rise to the learning rate; 0 for none",
        ),
        Dimension(
            "base_channels",
            "categorical",
            choices=(16, 32, 48, 64),
            unit="channels",
            doc="width of the network: parameters and time grow with its square",
        ),
        Dimension(
            "weight_decay",
            "float",
            1e-6,
            1e-2,
            log=True,
            doc="AdamW's decay of weights; norms and biases have none",
        ),
        Dimension(
            "schedule",
            "categorical",
            choices=SCHEDULES,
            unit="",
            doc="how the learning rate goes on after the warmup",
        ),
        Dimension(
            "gradient_clip",
            "float",
            0.1,
            5.0,
            log=True,
            doc="largest norm of the gradient; longer ones are shortened to it",
        ),
        Dimension(
            "mse_weight",
            "float",
            0.1,
            1.0,
            doc=(
                "weight of MSE in the loss; that of 1 - SSIM is 1 - mse_weight. Trials are still "
                "compared by PSNR, which favours MSE"
            ),
        ),
        Dimension("dropout", "float", 0.0, 0.3, doc="share of channels dropped while training"),
        Dimension(
            "batch_size",
            "categorical",
            choices=(8, 16, 32),
            unit="images",
            doc="images per optimiser step",
        ),
    )
}
"""Every dimension that `--tune` can name, with its built-in range."""

DEFAULT_TUNE = ("learning_rate", "warmup_epochs", "base_channels")


def build_space(names: Sequence[str], ranges: Iterable[str]) -> SearchSpace:
    """Return the space of the named dimensions, with ranges written as text where given.

    >>> build_space(["warmup_epochs"], ["warmup_epochs=1:3"]).dimensions[0].high
    3

    Raises:
        UsageError: If a name is unknown or repeated, a range cannot be read, or belongs to a
            dimension that is not searched.
    """
    if not names or len(set(names)) < len(names):
        raise UsageError(
            f"--tune needs one or more different names, found {', '.join(names) or 'none'}: "
            f"leave it out to search {', '.join(DEFAULT_TUNE)}"
        )
    dimensions = {name: find_dimension(name) for name in names}
    for text in ranges:
        dimension = parse_range(text)
        if dimension.name not in dimensions:
            raise UsageError(
                f"--range needs a dimension that is searched, found {dimension.name} while "
                f"searching {', '.join(names)}: add it to --tune or leave its range out"
            )
        dimensions[dimension.name] = dimension
    return SearchSpace(tuple(dimensions.values()))


def find_dimension(name: str) -> Dimension:
    """Return the built-in dimension of a name.

    Raises:
        UsageError: If there is none; the message names the nearest one.
    """
    if name not in DIMENSIONS:
        raise UsageError(
            f"--tune and --range take the names {', '.join(DIMENSIONS)}, found "
            f"{name!r}{did_you_mean(name, DIMENSIONS)}"
        )
    return DIMENSIONS[name]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word: the nearest known one as a question."""
    nearest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f": did you mean {nearest[0]}?" if nearest else ": choose one of these"


def parse_range(text: str) -> Dimension:
    """Return the dimension that a range describes: `NAME=LOW:HIGH` or `NAME=A,B,C`.

    Everything but bounds and choices is that of the built-in dimension, so a logarithmic
    dimension stays so. Choices instead of bounds make any dimension categorical.

    >>> parse_range("learning_rate=1e-4:1e-3").low
    0.0001

    Raises:
        UsageError: If the text is no range, or its values do not suit the dimension.
    """
    name, equals, values = text.partition("=")
    if not equals:
        raise UsageError(
            f"a range is written NAME=LOW:HIGH or NAME=A,B,C, found {text!r}: "
            "write for instance --range learning_rate=1e-5:3e-3"
        )
    dimension = find_dimension(name.strip())
    if ":" not in values:
        choices = tuple(_parse_value(dimension, part) for part in values.split(","))
        ordered = choices if dimension.unit == "" else tuple(sorted(choices, key=float))
        return replace(
            dimension, kind="categorical", low=None, high=None, log=False, choices=ordered
        )
    if dimension.kind == "categorical":
        raise UsageError(
            f"{dimension.name} is searched over choices, found the range {values!r}: "
            f"write --range {dimension.name}=A,B,C"
        )
    low, _, high = values.partition(":")
    return replace(
        dimension, low=_parse_number(dimension, low), high=_parse_number(dimension, high)
    )


def format_range(dimension: Dimension) -> str:
    """Return the text that `parse_range` reads as this dimension.

    >>> format_range(parse_range("base_channels=48,16"))
    'base_channels=16,48'
    """
    if dimension.kind == "categorical":
        return f"{dimension.name}={format_values(dimension.choices)}"
    return f"{dimension.name}={dimension.low}:{dimension.high}"


def format_values(values: Iterable[Value]) -> str:
    """Return values as in a range: separated by commas, without spaces."""
    return ",".join(str(value) for value in values)


def _parse_value(dimension: Dimension, text: str) -> Value:
    """Return one choice: a name for a dimension of names, else a number of 0 or more."""
    if dimension.unit != "":
        number = _parse_number(dimension, text)
        if not math.isfinite(number) or number < 0:
            raise UsageError(
                f"the choices of {dimension.name} must be finite and 0 or more, found "
                f"{text.strip()}: leave that one out"
            )
        return number
    name = text.strip()
    if name not in DIMENSIONS[dimension.name].choices:
        known = [str(choice) for choice in DIMENSIONS[dimension.name].choices]
        raise UsageError(
            f"{dimension.name} takes {', '.join(known)}, found {name!r}{did_you_mean(name, known)}"
        )
    return name


def _parse_number(dimension: Dimension, text: str) -> int | float:
    """Return a number; dimensions of integers take whole ones only."""
    is_whole = dimension.kind != "float"
    try:
        return int(text) if is_whole else float(text)
    except ValueError:
        kind = "whole numbers" if is_whole else "numbers"
        raise UsageError(
            f"the range of {dimension.name} takes {kind}, found {text.strip()!r}: "
            f"write for instance --range {format_range(DIMENSIONS[dimension.name])}"
        ) from None
