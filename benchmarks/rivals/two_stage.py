"""The cheapest rival: one epoch for all, then the best of them to the end."""

from collections.abc import Sequence

import numpy as np

from benchmarks.rivals.loop import Maker, Resume, Start, Verdict
from benchmarks.truth.design import value_at
from tune.simulation.truth import Truth
from tune.space.dimension import Value, Values


def two_stage(num_first: int, num_kept: int) -> Maker:
    """Return what makes this rival.

    Args:
        num_first: Random configurations that train for one epoch, the points to try first included.
        num_kept: The best of them after that epoch, which train to the end.
    """

    def make(truth: Truth, seed: int, known: Sequence[Values]) -> TwoStage:
        return TwoStage(truth, seed, known, num_first, num_kept)

    return make


def random_values(truth: Truth, generator: np.random.Generator) -> dict[str, Value]:
    """Return values that are equally likely anywhere in the space."""
    return {one.name: value_at(one, float(generator.random())) for one in truth.dimensions}


class TwoStage:
    """Pauses all trials after their first epoch and resumes the best."""

    def __init__(
        self, truth: Truth, seed: int, known: Sequence[Values], num_first: int, num_kept: int
    ) -> None:
        generator = np.random.default_rng(seed)
        drawn = [random_values(truth, generator) for _ in range(num_first - len(known))]
        self._to_start = [*known, *drawn]
        self._num_kept = num_kept
        self._unfinished = num_first
        self._first_scores: dict[int, float] = {}
        self._to_resume: list[int] = []

    def suggest(self) -> Start | Resume | None:
        """Return the next of the first stage or, once all of it ended, of the second."""
        if self._to_start:
            return Start(self._to_start.pop(0))
        return Resume(self._to_resume.pop(0)) if self._to_resume else None

    def begin(self, trial: int, values: Values) -> None:
        """Learn nothing from values."""

    def report(self, trial: int, epoch: int, score: float) -> Verdict:
        """Pause after the first epoch."""
        if epoch > 1:
            return Verdict.CONTINUE
        self._first_scores[trial] = score
        self._end_first()
        return Verdict.PAUSE

    def complete(self, trial: int) -> None:
        """Learn nothing from an end."""

    def fail(self, trial: int) -> None:
        """Do without a trial; one that fails in its first epoch is never kept."""
        if trial not in self._first_scores:
            self._end_first()

    def _end_first(self) -> None:
        self._unfinished -= 1
        if self._unfinished == 0:
            best_first = sorted(self._first_scores, key=self._first_scores.__getitem__)[::-1]
            self._to_resume = best_first[: self._num_kept]
