"""Symbols back to values, so that rounding by cost does not dim what it codes.

Rounding by cost draws symbols towards the middle of their channel: of the values that become one
symbol, the mean lies further out than it did with plain rounding, which the decoder was trained
on. So a symbol k is restored a little further out than k · step:

    ŷ = (k + sign(k - centre) · shift) · step

with a shift for each channel and distance from the centre: the mean place of training values in
their cell with rounding by cost, less that with plain rounding. The mean place itself is no gain: a
trained decoder has learnt it already (docs/DECISIONS.md).

Letters: N training images, C channels, h and w positions of a latent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.coding.symbol_model import PRIOR_COUNT, Symbols

NUM_DISTANCES = 4
"""Distances from the centre that are told apart: 0, 1, 2, and 3 or more."""


@dataclass(frozen=True, eq=False)
class Restoration:
    """How the symbols of each channel become values.

    Attributes:
        steps: Widths of quantisation cells, in units of the latent, (C,).
        centres: Symbols that rounding by cost draws to, (C,).
        shifts: Outwards, in steps, by distance from the centre, (C, 4); of distance 0 they are 0.
    """

    steps: NDArray[np.float64]
    centres: NDArray[np.int64]
    shifts: NDArray[np.float64]

    @classmethod
    def plain(cls, steps: NDArray[np.float64]) -> "Restoration":
        """Symbols times steps."""
        shifts = np.zeros((len(steps), NUM_DISTANCES))
        return cls(steps, np.zeros(len(steps), np.int64), shifts)

    def restore(self, symbols: Symbols) -> NDArray[np.float64]:
        """Values of symbols (C, h, w)."""
        directions, distances = _polar(symbols, self.centres)
        channels = np.arange(len(symbols))[:, None, None]
        shifted = symbols + directions * self.shifts[channels, distances]
        return np.asarray(shifted * self.steps[:, None, None])


def fit_restoration(
    steps: NDArray[np.float64], scaled: NDArray[np.float64], plain: Symbols, chosen: Symbols
) -> Restoration:
    """Return the restoration of symbols that were rounded by cost.

    Args:
        steps: Widths of quantisation cells, (C,).
        scaled: Training values over the steps, (N, C, h, w).
        plain: Their nearest symbols.
        chosen: Their symbols of least cost.
    """
    centres = np.median(plain, axis=(0, 2, 3)).astype(np.int64)
    shifts = _mean_places(scaled, chosen, centres) - _mean_places(scaled, plain, centres)
    shifts[:, 0] = 0.0
    return Restoration(steps, centres, shifts)


def _mean_places(
    scaled: NDArray[np.float64], symbols: Symbols, centres: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how far outwards in their cells values lie, by distance of the symbol, (C, 4)."""
    directions, distances = _polar(symbols, centres)
    cells = np.arange(len(centres))[:, None, None] * NUM_DISTANCES + distances
    places = directions * (scaled - symbols)
    size = len(centres) * NUM_DISTANCES
    sums = np.bincount(cells.ravel(), places.ravel(), size)
    counts = np.bincount(cells.ravel(), minlength=size)
    return np.asarray(sums / (counts + PRIOR_COUNT)).reshape(-1, NUM_DISTANCES)


def _polar(
    symbols: Symbols, centres: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Direction from the centre, -1, 0 or 1, and distance, of symbols (..., C, h, w)."""
    apart = symbols - centres[:, None, None]
    return np.sign(apart), np.minimum(np.abs(apart), NUM_DISTANCES - 1)
