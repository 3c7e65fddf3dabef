"""What many nights of a rival say, as a row of a table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.training.objective import OBJECTIVES
from tune.simulation.night import Night
from tune.simulation.regret import epochs_to, regret_after

NEAR_DB = OBJECTIVES["psnr"].near
"""A score in hand this close to the best of the table is as good as it."""

SHARES = (0.1, 0.2, 0.4, 1.0)
"""Shares of the full budget at which regret is taken."""

HEADER = (
    "| rival | epochs to 0.1 dB | "
    + " | ".join(f"regret at {share:.0%} / dB" for share in SHARES)
    + " | trials | epochs | s per night |\n|---|"
    + "---|" * (len(SHARES) + 4)
)


@dataclass(frozen=True)
class Summary:
    """What many nights of a rival say.

    Attributes:
        name: The rival.
        epochs_near: Median epochs until the score in hand is near the best of the table; infinite
            if fewer than half of the nights came there.
        regrets_db: Mean distance of the score in hand from the best of the table, per share.
        trials: Mean trials started.
        epochs: Mean epochs spent.
        wall_s: Mean wall seconds of a night.
    """

    name: str
    epochs_near: float
    regrets_db: tuple[float, ...]
    trials: float
    epochs: float
    wall_s: float

    def row(self) -> str:
        """Return a row under `HEADER`."""
        near = f"{self.epochs_near:.0f}" if math.isfinite(self.epochs_near) else "never"
        regrets = " | ".join(f"{regret:.3f}" for regret in self.regrets_db)
        return (
            f"| {self.name} | {near} | {regrets} | {self.trials:.0f} | {self.epochs:.0f} | "
            f"{self.wall_s:.2f} |"
        )


def summarise(name: str, nights: Sequence[Night], full_epochs: int, wall_s: float) -> Summary:
    """Return what the nights of a rival say.

    Args:
        name: The rival.
        nights: One per seed.
        full_epochs: The full budget.
        wall_s: Seconds that all of them took.
    """
    regrets = [
        [regret_after(night, int(share * full_epochs)) for share in SHARES] for night in nights
    ]
    return Summary(
        name=name,
        epochs_near=float(np.median([epochs_to(night, NEAR_DB) for night in nights])),
        regrets_db=tuple(np.mean(regrets, axis=0).tolist()),
        trials=float(np.mean([len(night.tried) for night in nights])),
        epochs=float(np.mean([len(night.steps) for night in nights])),
        wall_s=wall_s / len(nights),
    )
