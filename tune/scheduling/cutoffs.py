"""Which value is good enough at a rung: one small class per rule.

A cutoff sees all values of its rung so far, the newest included, and nothing else. Which rules are
here, and which is the default, was measured on recorded searches (docs/TUNING.md, "Stopping").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Cutoff(Protocol):
    """Says which value is good enough."""

    def value(self, values: Sequence[float]) -> float | None:
        """Return the lowest value that continues, or None while there are too few to judge."""
        ...


@dataclass(frozen=True)
class TopShare:
    """The stopping variant of ASHA (Li et al., MLSys 2020): the best share of a rung continues.

    Unlike in Ray's implementation nobody is stopped before a rung has seen `reduction_factor`
    values.

    Attributes:
        reduction_factor: The best one in this many trials continues.
    """

    reduction_factor: int

    def value(self, values: Sequence[float]) -> float | None:
        """Return the lowest of the best floor(n / reduction_factor) of n values, at least one.

        Ties with it continue too.
        """
        if len(values) < self.reduction_factor:
            return None
        num_kept = len(values) // self.reduction_factor
        return sorted(values, reverse=True)[num_kept - 1]


@dataclass(frozen=True)
class NearBest:
    """A value continues that is at most a tolerance below the best one of the rung.

    Judges from the second value on, and needs no quota: of trials that are equally good, all
    continue; of trials of which one is far ahead, only that one.

    Attributes:
        tolerance: In the unit of the values; more than two equally good trials differ by.
    """

    tolerance: float

    def value(self, values: Sequence[float]) -> float | None:
        """Return the best value minus the tolerance."""
        return max(values) - self.tolerance
