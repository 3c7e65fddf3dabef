"""Which configurations are recorded: the hand-set one, then a Sobol sequence through the space."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import qmc

from tune.space.dimension import Dimension, Value, Values

DESIGN_SEED = 16
"""Scrambles the sequence; the same for every cell, so that cells share their positions."""


def space_filling(
    dimensions: Sequence[Dimension], hand_set: Values, num_configurations: int
) -> list[dict[str, Value]]:
    """Return configurations that fill a space evenly; every beginning of the list does too.

    Args:
        dimensions: The space.
        hand_set: The first configuration.
        num_configurations: How many, the hand-set one included.
    """
    sobol = qmc.Sobol(len(dimensions), scramble=True, rng=np.random.default_rng(DESIGN_SEED))
    count = num_configurations - 1
    shares = sobol.random_base2(max(count - 1, 0).bit_length())[:count]
    return [dict(hand_set)] + [
        {dim.name: value_at(dim, float(share)) for dim, share in zip(dimensions, row, strict=True)}
        for row in shares
    ]


def value_at(dimension: Dimension, share: float) -> Value:
    """Return the value at a share of a dimension's range, in [0, 1); choices are equally wide.

    >>> value_at(Dimension("warmup_epochs", "int", 0, 5), 0.99)
    5
    """
    if dimension.kind == "categorical":
        return dimension.choices[int(share * len(dimension.choices))]
    assert dimension.low is not None
    assert dimension.high is not None
    low, high = float(dimension.low), float(dimension.high)
    if dimension.kind == "int":
        return int(low + share * (high - low + 1))
    if dimension.log:
        return float(low * (high / low) ** share)
    return low + share * (high - low)
