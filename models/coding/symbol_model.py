"""How likely each quantised value of a latent channel is: a table fitted on training latents.

A table counts how often each symbol occurred and adds the counts that a Laplace distribution of the
same median and mean deviation would give PRIOR_COUNT values: seen symbols follow the data, unseen
ones nearby stay cheap. The table of a context class (models.coding.contexts) adds those of its
channel's table instead. What lies outside the table is the symbol `escape`; the value itself
follows in models.coding.entropy. docs/DECISIONS.md has the comparison with other families.

Letters: n training values of a channel, s symbols of its table.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Symbols = NDArray[np.int64]

PRIOR_COUNT = 32.0
ESCAPE_COUNT = 1.0
MIN_DEVIATION = 0.05
"""Mean deviation in steps below which a channel counts as this wide: a channel may be constant."""

MAX_SYMBOLS = 4095
TOTAL_FREQUENCY = 2**24
"""Fixed-point precision of the coder."""


@dataclass(frozen=True, eq=False)
class SymbolModel:
    """The distribution of one channel's symbols.

    Attributes:
        low: The smallest symbol of the table.
        frequencies: Of low, low + 1, ... and last of the escape, (s + 1,), each at least 1; the
            probabilities are these over their sum.
    """

    low: int
    frequencies: NDArray[np.uint32]

    @property
    def high(self) -> int:
        """The largest symbol of the table."""
        return self.low + len(self.frequencies) - 2

    @property
    def escape(self) -> int:
        """The index of the escape."""
        return len(self.frequencies) - 1

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Of the indices, (s + 1,)."""
        frequencies = self.frequencies.astype(np.float64)
        return np.asarray(frequencies / frequencies.sum())

    @cached_property
    def bits(self) -> NDArray[np.float64]:
        """Ideal code length of each index, (s + 1,)."""
        return np.asarray(-np.log2(self.probabilities))

    def indices(self, symbols: Symbols) -> NDArray[np.int32]:
        """Places in the table; outside it the escape's."""
        inside = (symbols >= self.low) & (symbols <= self.high)
        return np.where(inside, symbols - self.low, self.escape).astype(np.int32)


def fit_symbol_model(scaled: NDArray[np.float64]) -> SymbolModel:
    """Return the table of a channel.

    Args:
        scaled: Training values over the step, (n,), finite, n at least 1.

    Returns:
        A table around the median that reaches a quarter of the range beyond what was seen, with
        at most MAX_SYMBOLS symbols.
    """
    symbols = np.rint(scaled).astype(np.int64)
    centre = float(np.median(scaled))
    deviation = max(float(np.abs(scaled - centre).mean()), MIN_DEVIATION)
    low, high = _support(symbols, round(centre))
    edges = np.arange(low, high + 2, dtype=np.float64) - 0.5
    mass = np.diff(_laplace_cdf(edges, centre, deviation))
    return _model(low, _counts(symbols, low, high) + np.append(PRIOR_COUNT * mass, ESCAPE_COUNT))


def fit_class_model(symbols: Symbols, of_channel: SymbolModel) -> SymbolModel:
    """Return the table of one context class, drawn towards that of its channel.

    Args:
        symbols: Training symbols of the class, (n,), n may be 0.
        of_channel: The table of all classes together: it stands for PRIOR_COUNT symbols.
    """
    low, high = of_channel.low, of_channel.high
    return _model(low, _counts(symbols, low, high) + PRIOR_COUNT * of_channel.probabilities)


def _counts(symbols: Symbols, low: int, high: int) -> NDArray[np.float64]:
    """How often each symbol of a table occurs, and last how many lie outside."""
    inside = symbols[(symbols >= low) & (symbols <= high)]
    counts = np.bincount(inside - low, minlength=1 + high - low)
    return np.append(counts, len(symbols) - len(inside)).astype(np.float64)


def _model(low: int, weights: NDArray[np.float64]) -> SymbolModel:
    """Return the table whose frequencies are near some weights, the escape's last."""
    scale = (TOTAL_FREQUENCY - len(weights)) / weights.sum()
    return SymbolModel(low, 1 + np.floor(scale * weights).astype(np.uint32))


def _support(symbols: Symbols, centre: int) -> tuple[int, int]:
    low, high = int(symbols.min()), int(symbols.max())
    margin = 1 + (high - low) // 4
    reach = MAX_SYMBOLS // 2
    return max(low - margin, centre - reach), min(high + margin, centre + reach)


def _laplace_cdf(
    values: NDArray[np.float64], centre: float, deviation: float
) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = (values - centre) / deviation
    tails = 0.5 * np.exp(-np.abs(distances))
    return np.where(distances < 0, tails, 1 - tails)
