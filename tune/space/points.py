"""Configurations on their way to becoming trials: known good points, and suggestions with a number.

Plain values, so that a study can be planned without loading a sampler (`tune.scheduling.sampler`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tune.space.dimension import Values


@dataclass(frozen=True)
class KnownPoint:
    """A configuration to try first because there is a reason to think that it is good.

    Attributes:
        proposed_by: Where it comes from: "hand_set" or "neighbour:<study>".
        values: One value per tuned dimension.
    """

    proposed_by: str
    values: Values


@dataclass(frozen=True)
class Suggestion:
    """A configuration to try: the trial's number in the study, its values and their origin."""

    number: int
    proposed_by: str
    values: Values


CONTROL = "control"
"""Name of the hand-set candidate."""


@dataclass(frozen=True)
class Candidate:
    """A configuration that is promoted.

    Attributes:
        name: c1 for the best of the search, c2, ..., or control.
        values: What it is trained with: one of every dimension, searched or not. Seeds, epochs and
            data are the promotion's.
        rank: Its rank in the search, from 1; None for the control.
        source_trial: The trial that it comes from; None for the control.
        search_val_psnr_db: Validation PSNR of that trial at its best epoch, for the control that of
            the trial with its values; None without one.
        search_train_s: Mean seconds that an epoch of that trial trained; None without one.
        search_val_s: Likewise for its validation.
    """

    name: str
    values: Values
    rank: int | None
    source_trial: str | None
    search_val_psnr_db: float | None
    search_train_s: float | None
    search_val_s: float | None

    @property
    def is_control(self) -> bool:
        """Whether it is the hand-set one."""
        return self.name == CONTROL

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that `candidate_of` reads back."""
        return asdict(self)


def candidate_of(noted: Mapping[str, Any]) -> Candidate:
    """Return the candidate of the plain values of `Candidate.to_dict`."""
    return Candidate(**noted)
