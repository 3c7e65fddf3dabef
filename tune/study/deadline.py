"""What a search with a deadline does: how many trials, on how much of the data.

First enough trials on the share of the training patches that the machine's profile picks, then a
larger share. What the user set stays. Nothing is read or measured here.
"""

import math
from dataclasses import dataclass

from tune.errors import UsageError
from tune.scheduling.pace import CLOSING_S
from tune.scheduling.rules import StoppingRule
from tune.study.estimate import EpochTime, epochs_under

START_S = 30.0
"""Seconds until the first epoch begins where others keep the machine busy; a quiet one needs 9."""

RESERVE = 0.25
"""Share of the time that is left free where the search cannot be corrected while it runs: for a
larger share of the data, and for the only trial of a short search. Chosen on simulated nights."""

MOST_TRIALS = 64
"""More trials than these are not chosen: a larger share of the data teaches more then."""

LEAST_SHARE = 0.25
"""The smallest share of the profile's data that is chosen where the user set the trials."""


@dataclass(frozen=True)
class Work:
    """What is known of a search before it starts.

    Attributes:
        rule: Who is stopped.
        trials: Trials that the user or the profile asks for.
        epochs: Epochs of a trial.
        data_fraction: Share of the training patches that the user or the profile asks for.
        epoch: An epoch there, beside the others that run at the same time.
        num_workers: Trials that run at the same time.
        free: What nobody set, of `trials` and `data_fraction`.
    """

    rule: StoppingRule
    trials: int
    epochs: int
    data_fraction: float
    epoch: EpochTime
    num_workers: int
    free: frozenset[str]

    def epoch_s(self, data_fraction: float) -> float:
        """Return the seconds of an epoch on a share of the training patches."""
        return self.epoch.val_s + self.epoch.train_s * data_fraction / self.data_fraction

    def needed_s(self, trials: int, data_fraction: float) -> float:
        """Return the seconds that so many trials are expected to take."""
        spent = epochs_under(self.rule, trials, self.epochs)
        epochs = max(float(self.epochs), spent / self.num_workers)
        return START_S + CLOSING_S + epochs * self.epoch_s(data_fraction)


@dataclass(frozen=True)
class Choice:
    """What fits before a deadline.

    Attributes:
        trials: Trials; fewer are started where epochs take longer.
        data_fraction: Share of the training patches.
        expected_s: Seconds that they are expected to take.
    """

    trials: int
    data_fraction: float
    expected_s: float


def choose(work: Work, left_s: float) -> Choice:
    """Return what a search does that has so many seconds.

    Raises:
        UsageError: If not even one trial fits, with the shortest time in which one does.
    """
    _require_one(work, left_s)
    trials, fraction = work.trials, work.data_fraction
    if "trials" in work.free:
        trials = _most_trials(work, left_s)
    if "data_fraction" in work.free:
        fraction = _largest_share(work, trials, left_s)
    return Choice(trials, fraction, min(work.needed_s(trials, fraction), left_s))


def _require_one(work: Work, left_s: float) -> None:
    one_s = work.needed_s(1, work.data_fraction) / (1 - RESERVE)
    if left_s >= one_s:
        return
    least = math.ceil(one_s / 36) / 100
    raise UsageError(
        f"a deadline must be at least {least:g} h away for one trial of {work.epochs} epochs on "
        f"{share_words(work.data_fraction)} of the training patches, found {left_s / 3600:.2g} h: "
        "give more time, or fewer --epochs"
    )


def _most_trials(work: Work, left_s: float) -> int:
    """Return how many trials fit on the share of the data that is asked for."""
    fitting = [
        n for n in range(1, MOST_TRIALS + 1) if work.needed_s(n, work.data_fraction) <= left_s
    ]
    return max(fitting, default=1)


def _largest_share(work: Work, trials: int, left_s: float) -> float:
    """Return the largest share of the data on which the trials fit with the reserve.

    It is not below the one that is asked for unless the user set the trials, and not below that
    where no smaller one lets them fit.
    """
    usable_s = left_s * (1 - RESERVE)
    fixed_s = work.needed_s(trials, 0.0)
    of_data_s = work.needed_s(trials, work.data_fraction) - fixed_s
    fitting = work.data_fraction * (usable_s - fixed_s) / of_data_s
    least = work.data_fraction * (1.0 if "trials" in work.free else LEAST_SHARE)
    if fitting < least:
        return work.data_fraction
    return min(1.0, max(least, _two_digits(fitting)))


def _two_digits(share: float) -> float:
    """Return a share with two digits that is not above it."""
    unit = 10.0 ** (math.floor(math.log10(share)) - 1)
    return round(math.floor(share / unit) * unit, 12)


def share_words(data_fraction: float) -> str:
    """Return a share as a person reads it.

    >>> share_words(0.015)
    '1.5 %'
    """
    return f"{100 * data_fraction:.3g} %"
