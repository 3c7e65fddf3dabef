"""The space in Syne Tune's form, and values on their way there and back."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tune.space.dimension import Dimension, Value, Values


class SyneSpace:
    """Syne Tune's form of a space.

    A dimension that is searched by its logarithm is given as the logarithm: the kernel densities of
    BOHB take no notice of `loguniform`, and to the others it is the same. Numeric choices are
    ordinal ones, each equally likely.

    Attributes:
        domains: What `config_space` takes.
    """

    def __init__(self, dimensions: Sequence[Dimension]) -> None:
        self._dimensions = dimensions
        self.domains: dict[str, Any] = {one.name: _domain(one) for one in dimensions}

    def encode(self, values: Values) -> dict[str, Value]:
        """Return values as Syne Tune sees them."""
        return {
            one.name: math.log(float(values[one.name])) if one.log else values[one.name]
            for one in self._dimensions
        }

    def decode(self, config: Mapping[str, Any]) -> dict[str, Value]:
        """Return values as we see them, within their bounds."""
        return {
            one.name: one.typed(
                one.nearest(math.exp(config[one.name]) if one.log else config[one.name])
            )
            for one in self._dimensions
        }


def _domain(dimension: Dimension) -> Any:
    from syne_tune import config_space

    if dimension.kind == "categorical":
        choices = list(dimension.choices)
        is_named = any(isinstance(choice, str) for choice in choices)
        return config_space.choice(choices) if is_named else config_space.ordinal(choices, "equal")
    assert dimension.low is not None
    assert dimension.high is not None
    if dimension.log:
        return config_space.uniform(math.log(dimension.low), math.log(dimension.high))
    if dimension.kind == "int":
        return config_space.randint(int(dimension.low), int(dimension.high))
    return config_space.uniform(float(dimension.low), float(dimension.high))
