"""What a search may change about a training: the dimensions, their ranges, the space of a study.

A range is written as text, `learning_rate=1e-5:3e-3` or `base_channels=16,32,48`, the same on the
command line, in a configuration file and in `study.toml`. How a searcher walks the space is
elsewhere (`tune.scheduling.sampler`); which values a training has when they are not searched, and
the hand-set point made of them, is in `tune.config.search`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tune.errors import UsageError, did_you_mean
from tune.space.dimension import Dimension, Value, format_range
from tune.space.dimensions import DEFAULT_TUNE, DIMENSIONS, find_dimension


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

    def ends_of(self, name: str) -> tuple[Value, ...]:
        """Return the values that limit a dimension; none where it is not searched."""
        return next((one.ends for one in self.dimensions if one.name == name), ())

    def nearest(self, name: str, value: Value) -> Value:
        """Return the value that a dimension can take nearest to one; itself where not searched."""
        found = (one.nearest(value) for one in self.dimensions if one.name == name)
        return next(found, value)


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


def ranges_of(ranges: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the ranges, written as text, of the named dimensions.

    >>> ranges_of(["warmup_epochs=1:3", "dropout=0:0.1"], ["dropout"])
    ('dropout=0:0.1',)
    """
    wanted = set(names)
    return tuple(text for text in ranges if text.partition("=")[0] in wanted)


def ranges_without(ranges: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the ranges, written as text, of all but the named dimensions."""
    texts = tuple(ranges)
    left_out = ranges_of(texts, names)
    return tuple(text for text in texts if text not in left_out)


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
