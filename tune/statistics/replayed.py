"""What replays of a search came to, one value per setting, and what a person should do about it.

A night is one search in simulated time (`tune.simulation`). Numbers alone, so that the terminal and
the report say the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from models.training.objective import OBJECTIVES
from tune.statistics.intervals import half_width

ACCEPTED_REGRET = 0.5
"""Regret at which a cheaper setting is still advised, as a share of `Objective.near`."""

ACCEPTED_FALSE_STOPS = 0.1
"""Share of the stops that may be wrong in an advised setting."""


@dataclass(frozen=True)
class Mean:
    """A mean over nights with half of its 95 % interval; None with one night."""

    value: float
    half: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Return the mean of one value or more."""
        return cls(math.fsum(values) / len(values), half_width(values))

    @property
    def high(self) -> float:
        """Upper end of the interval; the mean itself without one."""
        return self.value + (self.half or 0.0)


class Point(NamedTuple):
    """A share of the full budget, the hours until it was spent, and the regret there."""

    share: float
    hours: Mean
    regret: Mean


@dataclass(frozen=True)
class Replayed:
    """What many nights with one setting came to.

    Attributes:
        setting: The setting in words.
        flags: The flags that set it.
        objective: What is maximised; gives the unit of a regret.
        is_own: Whether the study itself was searched so.
        num_nights: Nights.
        trials: Trials of a night.
        max_epochs: Epochs of a trial to its end.
        epochs: Epochs that a night spent.
        hours: Hours that it took.
        regret: What the best score at the end lacks to the best of the table.
        points: What a night had come to when shares of the full budget (trials x max_epochs) were
            spent, or at its end where it spent less.
        epochs_to_near: Median epochs until the regret is at most `Objective.near`; infinite where
            most nights never are.
        false_stops: Share of the stops that were wrong: such a trial, run to its end, reaches the
            median score of those that completed; None where nobody was stopped.
        lost: Share of nights in which a stopped trial would have beaten the best score.
    """

    setting: str
    flags: str
    objective: str
    is_own: bool
    num_nights: int
    trials: int
    max_epochs: int
    epochs: Mean
    hours: Mean
    regret: Mean
    points: tuple[Point, ...]
    epochs_to_near: float
    false_stops: Mean | None
    lost: float

    def regret_at(self, share: float) -> Mean:
        """Return the regret at one of the shares of `points`."""
        return next(point.regret for point in self.points if point.share == share)

    @property
    def share_spent(self) -> float:
        """Epochs spent as a share of the full budget."""
        return self.epochs.value / (self.trials * self.max_epochs)


def unit_of(objective: str) -> str:
    """Return what stands behind a regret: a unit, or the score's name."""
    known = OBJECTIVES[objective]
    return known.unit or known.words


def ratio(tops: Sequence[float], bottoms: Sequence[float]) -> Mean | None:
    """Return the ratio of two sums over nights with its interval; None where the lower one is 0.

    The interval is that of a ratio estimator (Cochran, Sampling Techniques, 1977, section 2.11).

    >>> ratio([0, 1], [2, 2])
    Mean(value=0.25, half=3.1765)
    """
    total = math.fsum(bottoms)
    if total == 0:
        return None
    value = math.fsum(tops) / total
    half = half_width([top - value * bottom for top, bottom in zip(tops, bottoms, strict=True)])
    return Mean(value, None if half is None else half / (total / len(bottoms)))


def advised(replays: Sequence[Replayed]) -> Replayed:
    """Return the setting that spends the fewest epochs of those that lose little enough.

    Little enough is a regret whose interval ends below `ACCEPTED_REGRET`, and a false-stop rate of
    at most `ACCEPTED_FALSE_STOPS`. Where no setting is that good, the one with the least regret.
    """
    accepted = ACCEPTED_REGRET * OBJECTIVES[replays[0].objective].near
    good = [one for one in replays if one.regret.high <= accepted and not _stops_wrongly(one)]
    if not good:
        return min(replays, key=lambda one: one.regret.value)
    return min(good, key=lambda one: (one.epochs.value, one.regret.value))


def _stops_wrongly(one: Replayed) -> bool:
    return one.false_stops is not None and one.false_stops.value > ACCEPTED_FALSE_STOPS


def answer(replays: Sequence[Replayed], num_configurations: int) -> str:
    """Return in a paragraph whether stopping would have lost the winner, and what to set next.

    Args:
        replays: Of one study, its own setting among them.
        num_configurations: Recorded configurations that were replayed.
    """
    own = next((one for one in replays if one.is_own), replays[0])
    best = advised(replays)
    unit = unit_of(own.objective)
    lost = round(own.lost * own.num_nights)
    lines = [
        f"Stopping with {own.setting} would have lost the winner in {lost} of "
        f"{own.num_nights} replayed searches of these {num_configurations} configurations: the "
        f"best score at the end lacks {own.regret.value:.3f}{_plus_minus(own.regret)} {unit} on "
        f"average, for {own.share_spent:.0%} of the epochs{_false_stops(own)}."
    ]
    if best is own:
        lines.append("No other setting that was replayed saves more without losing more: keep it.")
    else:
        lines.append(
            f"Next time {best.flags}: {best.share_spent:.0%} of the epochs, "
            f"{best.regret.value:.3f}{_plus_minus(best.regret)} {unit} lost{_false_stops(best)}."
        )
    return " ".join(lines)


def _plus_minus(mean: Mean) -> str:
    return "" if mean.half is None else f" ± {mean.half:.3f}"


def _false_stops(one: Replayed) -> str:
    if one.false_stops is None:
        return ", nobody stopped"
    return f", {one.false_stops.value:.0%} of the stops wrong"
