"""Rounding that weighs bits: of the two integers around a value, the one of less total cost.

    cost(k) = (y / step - k)² + rate_weight · bits(k)        in squared steps

At high rate the squared error of a uniform quantiser, step² / 12, falls by 2 ln 2 of itself per
bit: a bit is worth 2 ln 2 / 12 = 0.116 squared steps. RATE_WEIGHT is three quarters of that: all of
it gains as much at the step that a network was trained with, and less at finer ones
(docs/DECISIONS.md).

Contexts are those of plainly rounded symbols: what a choice does to later ones is not looked at.

Letters: C channels, h and w positions of a latent, p = h · w.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.coding.contexts import Contexts
from models.coding.symbol_model import SymbolModel, Symbols

RATE_WEIGHT = math.log(2) / 8


def round_plainly(scaled: NDArray[np.float64]) -> Symbols:
    """Return the nearest symbols of values over the step, of any shape."""
    return np.rint(scaled).astype(np.int64)


def round_by_cost(
    scaled: NDArray[np.float64],
    contexts: Contexts,
    tables: Sequence[Sequence[SymbolModel]],
    rate_weight: float,
) -> Symbols:
    """Return the symbols of one latent, each beside its value, of least cost.

    Args:
        scaled: Values over the step, (C, h, w), below 2^53 in magnitude.
        contexts: Of the channels.
        tables: Of the channels, and of their classes.
        rate_weight: What a bit is worth, in squared steps; 0 rounds plainly.
    """
    plain = round_plainly(scaled)
    if not rate_weight:
        return plain
    predictions, classes = (part.reshape(plain.shape) for part in contexts.of_symbols(plain))
    other = plain + np.sign(scaled - plain).astype(np.int64)
    better = np.zeros(plain.shape, np.bool_)
    for channel, of_classes in enumerate(tables):
        for one, table in enumerate(of_classes):
            places = np.flatnonzero(classes[channel] == one)
            expected = predictions[channel].flat[places]
            candidates = (plain[channel].flat[places], other[channel].flat[places])
            near, far = (table.indices(symbols - expected) for symbols in candidates)
            value = scaled[channel].flat[places]
            errors = [(value - symbols) ** 2 for symbols in candidates]
            gain = rate_weight * (table.bits[near] - table.bits[far]) + errors[0] - errors[1]
            # An escape costs more than its table says: it is left alone.
            known = (near != table.escape) & (far != table.escape)
            better[channel].flat[places] = known & (gain > 0)
    return np.where(better, other, plain)
