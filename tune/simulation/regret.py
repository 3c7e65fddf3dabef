"""What a night in simulated time came to, in numbers: pure functions of `Night` and `Truth`.

The score in hand is the best validation score that any trial has reported so far. The regret is
what it lacks to the best score of the table of that night: the best that any recorded configuration
reaches, run to its end.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tune.outcomes import Outcome
from tune.simulation.night import Night
from tune.simulation.truth import Truth
from tune.statistics.wrong_stops import rank_correlation, wrong_stops


@dataclass(frozen=True)
class Stops:
    """What a night's stops would have been.

    Attributes:
        num_stopped: Trials that were stopped.
        num_wrong: Those that, run to their end, would have reached the median score of those that
            completed.
        lost: What the best of the stopped ones would have had above the best score in hand; 0
            where nothing was lost.
    """

    num_stopped: int
    num_wrong: int
    lost: float


def regrets(night: Night) -> NDArray[np.float64]:
    """Return the regret after each finished epoch, all trials together; falling."""
    scores = np.array([step.score for step in night.steps])
    return _best(night) - np.maximum.accumulate(scores)


def regret_after(night: Night, num_epochs: int) -> float:
    """Return the regret when so many epochs were spent, or at the end where fewer were.

    Infinite before the first epoch.
    """
    if num_epochs < 1 or not night.steps:
        return math.inf
    return float(regrets(night)[min(num_epochs, len(night.steps)) - 1])


def epochs_to(night: Night, within: float) -> float:
    """Return the epochs spent until the regret is at most `within`; infinity where it never is."""
    reached = np.flatnonzero(regrets(night) <= within)
    return float(reached[0] + 1) if len(reached) else math.inf


def hours_to(night: Night, within: float) -> float:
    """Return the simulated hours until the regret is at most `within`; infinity likewise."""
    epochs = epochs_to(night, within)
    return math.inf if math.isinf(epochs) else night.steps[int(epochs) - 1].time_s / 3600


def stops(night: Night) -> Stops:
    """Return what stopping did, by what each stopped trial would have reached."""
    finals = {number: night.curves[index].best for number, index in enumerate(night.tried)}
    stopped = [r.spec.number for r in night.records if r.outcome is Outcome.STOPPED]
    completed = [r.spec.number for r in night.records if r.outcome is Outcome.COMPLETED]
    in_hand = max((step.score for step in night.steps), default=-math.inf)
    best_stopped = max((finals[number] for number in stopped), default=-math.inf)
    wrong = wrong_stops([finals[n] for n in stopped], [finals[n] for n in completed])
    return Stops(len(stopped), sum(wrong), max(0.0, best_stopped - in_hand) if stopped else 0.0)


def rank_correlations(truth: Truth) -> tuple[float | None, ...]:
    """Return Spearman's rank correlation of the score after each epoch with the best one.

    One training of each configuration counts. None where too few reached an epoch.
    """
    curves = [one.curves[0] for one in truth.configurations]
    found = []
    for epoch in range(1, truth.max_epochs + 1):
        reached = [curve for curve in curves if len(curve.scores) >= epoch]
        early = [curve.scores[epoch - 1] for curve in reached]
        found.append(rank_correlation(early, [curve.best for curve in reached]))
    return tuple(found)


def _best(night: Night) -> float:
    return max(curve.best for curve in night.curves)
