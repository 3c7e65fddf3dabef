"""Configurations on their way to becoming trials: known good points, and proposals with a number.

Plain values, so that a study can be planned without loading a sampler (`tune.proposer`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tune.space import Value


@dataclass(frozen=True)
class KnownPoint:
    """A configuration to try first because there is a reason to think that it is good.

    Attributes:
        proposed_by: Where it comes from: "hand_set" or "neighbour:<study>".
        values: One value per tuned dimension.
    """

    proposed_by: str
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Proposal:
    """A configuration to try: the trial's number in the study, its values and their origin."""

    number: int
    proposed_by: str
    values: Mapping[str, Value]
