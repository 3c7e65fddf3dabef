"""Suggests configurations that were recorded: the sampler's own, each moved to the nearest one.

The sampler learns from the values that were tried, not from those that it asked for. Every
configuration is tried once, as a search that asks for a point twice would gain nothing.
"""

from collections.abc import Sequence

import numpy as np

from tune.outcomes import Outcome
from tune.scheduling.sampler import Sampler
from tune.simulation.truth import Truth
from tune.space.dimension import Values
from tune.space.points import Suggestion
from tune.storage.history import TrialHistory


class Moves:
    """Moves values to the nearest recorded configuration that was not tried yet.

    Attributes:
        tried: The index of each trial's configuration, by the trial's number.

    Args:
        truth: What was recorded.
    """

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._is_free = np.ones(len(truth.configurations), dtype=bool)
        self.tried: list[int] = []

    @property
    def is_exhausted(self) -> bool:
        """Whether every recorded configuration was tried."""
        return not self._is_free.any()

    def move(self, values: Values) -> Values:
        """Return the values of the recorded configuration that is tried instead."""
        here = np.array(self._truth.position_of(values))
        distances = np.square(self._truth.positions - here).sum(axis=1)
        index = int(np.where(self._is_free, distances, np.inf).argmin())
        self._is_free[index] = False
        self.tried.append(index)
        return self._truth.configurations[index].values


class RecordedProposer:
    """Stands between a conductor and a sampler.

    Attributes:
        tried: The index of each trial's configuration, by the trial's number.

    Args:
        sampler: Suggests anywhere in the space.
        truth: What was recorded.
    """

    def __init__(self, sampler: Sampler, truth: Truth) -> None:
        self._sampler = sampler
        self._moves = Moves(truth)
        self.tried = self._moves.tried

    @property
    def is_exhausted(self) -> bool:
        """Whether every recorded configuration was tried."""
        return self._moves.is_exhausted

    def suggest(self) -> Suggestion | None:
        """Return the recorded configuration nearest to what the sampler suggests."""
        if self.is_exhausted:
            return None
        asked = self._sampler.suggest()
        return self._sampler.replace(asked.number, self._moves.move(asked.values))

    def recall(self, history: TrialHistory) -> Suggestion:
        """Refuse: a night in simulated time has one session."""
        raise NotImplementedError(f"trial {history.number} of an earlier session in a replay")

    def report(self, number: int, outcome: Outcome, scores_db: Sequence[float]) -> None:
        """Take the report of how a trial ended."""
        self._sampler.report(number, outcome, scores_db)
