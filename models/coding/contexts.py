"""What a decoder already knows about a symbol: its neighbours predict it and class it.

    NW  N  NE        prediction   start + sum of weight · (neighbour - start)
     W  k            roughness    sum of |neighbour - prediction|
                     class        thresholds that the roughness reaches

All four neighbours are of the same channel and decoded before k. Everything here is integer
arithmetic on decoded symbols, so that encoder and decoder agree on every machine. What is coded is
k - prediction, with the table of its class. A static channel has prediction 0 and one class.

Letters: C channels, h and w positions of a latent, p = h · w, m places of a channel, k classes.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.coding.symbol_model import Symbols

NUM_NEIGHBOURS = 4
WEIGHT_BITS = 8
"""Weights are whole 256ths."""
MAX_WEIGHT = 2 << WEIGHT_BITS
MAX_DIFFERENCE = 2**40
"""A neighbour further from the start counts as this far, so that 64 bits always suffice."""

NUM_SHAPES = 8
"""Shapes of latents whose neighbours are kept in memory; a data set has one or two."""

NEVER = np.iinfo(np.int64).max
"""A threshold that no roughness reaches: fills the rows of channels with fewer classes."""


@dataclass(frozen=True, eq=False)
class Contexts:
    """How the symbols of each channel are predicted and classed.

    Attributes:
        starts: What stands for the neighbours of the first position, (C,).
        weights: Of W, N, NW, NE, in 256ths, (C, 4).
        thresholds: Ascending, (C, k - 1), filled up with NEVER.
    """

    starts: NDArray[np.int64]
    weights: NDArray[np.int64]
    thresholds: NDArray[np.int64]

    @classmethod
    def static(cls, num_channels: int) -> "Contexts":
        """Contexts that look at nothing."""
        return cls(
            np.zeros(num_channels, np.int64),
            np.zeros((num_channels, NUM_NEIGHBOURS), np.int64),
            np.zeros((num_channels, 0), np.int64),
        )

    @property
    def in_use(self) -> NDArray[np.intp]:
        """Channels that look at their neighbours, ascending."""
        return np.flatnonzero(self.weights.any(axis=1) | (self.num_classes > 1))

    @property
    def num_classes(self) -> NDArray[np.int64]:
        """Of each channel, (C,)."""
        return np.asarray(1 + (self.thresholds < NEVER).sum(axis=1), np.int64)

    def of_channels(self, channels: NDArray[np.intp]) -> "Contexts":
        """Return the contexts of some channels only."""
        return Contexts(self.starts[channels], self.weights[channels], self.thresholds[channels])

    def of_symbols(self, symbols: Symbols) -> tuple[Symbols, NDArray[np.int64]]:
        """Predictions and classes of whole channels (C, h, w), (C, p) each."""
        flat = symbols.reshape(len(symbols), -1)
        predictions, classes = np.zeros_like(flat), np.zeros_like(flat)
        used = self.in_use
        if len(used):
            some, places = self.of_channels(used), neighbour_places(*symbols.shape[1:])
            neighbours = some.begin(flat[used])[:, places]
            predictions[used], classes[used] = some.of_neighbours(neighbours)
        return predictions, classes

    def begin(self, symbols: Symbols) -> Symbols:
        """Append the starts to channels (C, p): where `neighbour_places` says p."""
        return np.concatenate([symbols, self.starts[:, None]], axis=1)

    def of_neighbours(self, neighbours: Symbols) -> tuple[Symbols, NDArray[np.int64]]:
        """Predictions and classes, (C, m) each, of symbols with neighbours (C, 4, m)."""
        ahead, roughness = self._look(neighbours)
        classes = (roughness[:, None] >= self.thresholds[:, :, None]).sum(axis=1)
        return self.starts[:, None] + ahead, classes

    def roughness(self, neighbours: Symbols) -> Symbols:
        """How far neighbours (C, 4, m) lie from what they predict, (C, m)."""
        return self._look(neighbours)[1]

    def _look(self, neighbours: Symbols) -> tuple[Symbols, Symbols]:
        """Predictions less the starts, and roughness, (C, m) each."""
        apart = np.clip(neighbours - self.starts[:, None, None], -MAX_DIFFERENCE, MAX_DIFFERENCE)
        weighted = (apart * self.weights[:, :, None]).sum(axis=1)
        ahead: Symbols = (weighted + (1 << WEIGHT_BITS - 1)) >> WEIGHT_BITS
        return ahead, np.abs(apart - ahead[:, None]).sum(axis=1)


@lru_cache(maxsize=NUM_SHAPES)
def neighbour_places(height: int, width: int) -> NDArray[np.intp]:
    """Flat places of W, N, NW and NE of every position, (4, p).

    Beyond the left edge N stands for W and NW, beyond the right edge for NE, and above the first
    row W for all. The first position has no neighbour: its places are p, behind the channel.
    """
    own = np.arange(height * width).reshape(height, width)
    west, north, north_west, north_east = own - 1, own - width, own - width - 1, own - width + 1
    north_west[:, 0], north_east[:, -1], west[:, 0] = north[:, 0], north[:, -1], north[:, 0]
    north[0] = north_west[0] = north_east[0] = west[0]
    places = np.stack([west, north, north_west, north_east]).reshape(NUM_NEIGHBOURS, -1)
    places[:, 0] = height * width
    return places


@lru_cache(maxsize=NUM_SHAPES)
def wavefronts(height: int, width: int) -> tuple[NDArray[np.intp], ...]:
    """Flat positions in decoding order: those of one front know all their neighbours before it."""
    fronts = (np.arange(width) + 2 * np.arange(height)[:, None]).ravel()
    order = np.argsort(fronts, kind="stable")
    return tuple(np.split(order, np.flatnonzero(np.diff(fronts[order])) + 1))
