"""Stopping rules that were replayed and did not win: kept so that the comparison can be repeated.

Each stands behind the same seam as the product's own (`tune.scheduling.roles.Stops`).
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from tune.scheduling.cutoffs import TopShare
from tune.scheduling.rungs import rung_epochs
from tune.trial.record import RungDecision


@dataclass(frozen=True)
class Median:
    """The median rule (Golovin et al., KDD 2017), at every epoch: the better half continues.

    Attributes:
        least: Values below which nobody is stopped.
    """

    least: int = 3

    def value(self, values: Sequence[float]) -> float | None:
        """Return the median of the values."""
        return statistics.median(values) if len(values) >= self.least else None


@dataclass(frozen=True)
class TopShareNear:
    """ASHA with the noise in mind: who lies within the noise of the cutoff stays.

    Attributes:
        reduction_factor: The best one in this many trials continues.
        noise: What two equally good trials differ by.
    """

    reduction_factor: int
    noise: float

    def value(self, values: Sequence[float]) -> float | None:
        """Return ASHA's cutoff minus the noise."""
        cutoff = TopShare(self.reduction_factor).value(values)
        return None if cutoff is None else cutoff - self.noise


@dataclass
class Curves:
    """Every score so far, by trial: what the two rules below look at."""

    scores: dict[int, list[float]] = field(default_factory=dict)

    def add(self, trial: int, score: float) -> None:
        """Add a trial's next score."""
        self.scores.setdefault(trial, []).append(score)

    def others(self, trial: int, epoch: int) -> list[list[float]]:
        """Return the curves of other trials that reached an epoch."""
        return [one for name, one in self.scores.items() if name != trial and len(one) >= epoch]


@dataclass
class Forecast:
    """A learning-curve stop: a trial is stopped that will hardly reach the best one.

    What is still to come is taken to be what it was for the trials that were not stopped: normal,
    with their mean and standard deviation of the gain from here to the last epoch but one.

    Attributes:
        last_epoch: The last epoch that is judged.
        quantiles: Standard deviations above the mean that a trial is still given.
        least: Trials to learn from below which nobody is stopped.
    """

    last_epoch: int
    quantiles: float = 1.64
    least: int = 2
    curves: Curves = field(default_factory=Curves)

    def recall(self, decisions: Iterable[RungDecision]) -> None:
        """Recall nothing: a replay has one session."""

    def judge(self, trial_number: int, epoch: int, value: float) -> RungDecision | None:
        """Stop a trial whose forecast ends below the best trial."""
        self.curves.add(trial_number, value)
        done = self.curves.others(trial_number, self.last_epoch)
        if len(done) < self.least:
            return None
        gains = np.array([max(one) - max(one[:epoch]) for one in done])
        spread = float(gains.std(ddof=1)) * (1 + 1 / len(done)) ** 0.5
        needed = max(max(one) for one in done) - float(gains.mean()) - self.quantiles * spread
        here = max(self.curves.scores[trial_number])
        return _decision(trial_number, epoch, here, needed, len(done))


@dataclass
class GrowingRungs:
    """A stopping form of PASHA (Bohdal et al., ICLR 2023): the top rung is raised on disagreement.

    Trials end at the top rung, which begins two rungs up; while the order of the trials there is
    another one than at the rung below, by more than the noise, the next rung is opened.

    Attributes:
        max_epochs: Epochs of a trial to its end.
        noise: What two equally good trials differ by.
        grace_epochs: The first rung.
        reduction_factor: The best one in this many continues, and rungs lie this factor apart.
    """

    max_epochs: int
    noise: float
    grace_epochs: int = 1
    reduction_factor: int = 3
    curves: Curves = field(default_factory=Curves)
    top: int = 1

    def recall(self, decisions: Iterable[RungDecision]) -> None:
        """Recall nothing: a replay has one session."""

    def judge(self, trial_number: int, epoch: int, value: float) -> RungDecision | None:
        """Stop a trial that is not among the best at its rung, or that reached the top one."""
        self.curves.add(trial_number, value)
        rungs = rung_epochs(self.grace_epochs, self.max_epochs, self.reduction_factor)
        if epoch not in rungs:
            return None
        there = [
            one[epoch - 1] for one in [*self.curves.others(trial_number, epoch), [value] * epoch]
        ]
        cutoff = TopShare(self.reduction_factor).value(there)
        needed = float("-inf") if cutoff is None else cutoff
        index = rungs.index(epoch)
        if index == self.top and value >= needed:
            if self._disagree(rungs[index - 1], epoch):
                self.top += 1
            else:
                needed = float("inf")
        return _decision(trial_number, epoch, value, needed, len(there))

    def _disagree(self, lower: int, upper: int) -> bool:
        """Return whether the orders at two rungs differ by more than the noise."""
        both = [one for one in self.curves.scores.values() if len(one) >= upper]
        ranked = sorted(both, key=lambda one: one[lower - 1], reverse=True)
        return any(
            second[upper - 1] > first[upper - 1] + self.noise for first, second in pairwise(ranked)
        )


def _decision(trial: int, epoch: int, value: float, needed: float, count: int) -> RungDecision:
    return RungDecision(trial, 0, epoch, value, needed, count, kept=value >= needed)
