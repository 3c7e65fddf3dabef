"""A place that trials can be bound to, and what it holds of them. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tune.card.packing import Packing
from tune.trial.spec import Placement

GIB_IN_MIB = 1024.0

SLACK = 1e-9
"""Of sums of shares, which are no exact numbers."""


@dataclass(frozen=True)
class Place:
    """Where trials can be bound to: one of Ray's nodes (a raylet), best with one card each.

    Attributes:
        raylet: Its name in Ray; None for the only one, of a Ray that the search starts for itself.
        host: The machine that it is on; several places can be on one.
        packing: How trials share it: its card, and how many of them may run side by side.
        num_cards: Equal cards that it has; Ray chooses one of them for each trial.
        taken: What other jobs reserve of it now, in cards, or in machines on a CPU.
        taken_slots: Slots that they hold.
    """

    raylet: str | None
    host: str
    packing: Packing
    num_cards: int = 1
    taken: float = 0.0
    taken_slots: int = 0

    @property
    def card(self) -> str | None:
        """What its CUDA cards are called; None for a CPU."""
        return self.packing.card.name if self.packing.num_gpus else None

    @property
    def size(self) -> tuple[bool, int]:
        """What places are ordered by: cards before machines without, then memory in whole GiB.

        In whole ones, because two machines of a kind differ by some MiB.
        """
        return not self.packing.num_gpus, round(self.packing.card.total_mib / GIB_IN_MIB)

    def share(self, placement: Placement) -> float:
        """Return what a trial reserves, in cards, or in machines on a CPU."""
        if self.packing.num_gpus:
            return placement.gpu_fraction
        return placement.ram_mib / self.packing.usable_mib

    def holds(self, shares: Sequence[float]) -> bool:
        """Return whether trials with these shares can run here side by side; else some wait."""
        num_slots = len(shares) + self.taken_slots
        in_all = sum(shares) + self.taken
        if num_slots > self.packing.max_concurrent or in_all > self.num_cards + SLACK:
            return not shares
        if self.num_cards == 1:
            return True
        whole = math.floor(self.taken)
        return _fit_on_cards([*shares, *[1.0] * whole, self.taken - whole], self.num_cards)

    def filling(self, shares: Sequence[float]) -> float:
        """Return which part of its memory or of its slots is reserved, the larger of both.

        It is above 1 where trials wait.
        """
        slots = (len(shares) + self.taken_slots) / self.packing.max_concurrent
        return max((sum(shares) + self.taken) / self.num_cards, slots)


def _fit_on_cards(shares: Iterable[float], num_cards: int) -> bool:
    """Return whether shares fit on cards, none on two: the largest first, each where it fits best.

    Ray takes them as they come, so a trial may still wait where what is free lies on two cards.
    """
    free = [1.0 + SLACK] * num_cards
    for share in sorted(shares, reverse=True):
        fitting = [card for card, room in enumerate(free) if share <= room]
        if not fitting:
            return False
        free[min(fitting, key=free.__getitem__)] -= share
    return True
