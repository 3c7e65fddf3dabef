"""Many nights with one setting, and what they came to."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from models.training.objective import OBJECTIVES
from tune.scheduling.rules import StoppingRule
from tune.scheduling.sampler import NUM_RANDOM_TRIALS
from tune.simulation.night import Night, Search, run_night
from tune.simulation.regret import epochs_to, regret_after, stops
from tune.simulation.truth import Truth
from tune.space.points import KnownPoint
from tune.statistics.replayed import Mean, Point, Replayed, ratio
from tune.storage.history import Budget

SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
"""Shares of the full budget at which the regret is told."""


@dataclass(frozen=True)
class Setting:
    """A way to search.

    Attributes:
        rule: Who is stopped.
        searcher: Who suggests.
        trials: How many trials; None for as many as were recorded.
        hours: Simulated hours after which the night ends; None for no limit.
        num_random: Random trials before the searcher's model is used.
        is_own: Whether the study itself was searched so.
    """

    rule: StoppingRule
    searcher: str = "tpe"
    trials: int | None = None
    hours: float | None = None
    num_random: int = NUM_RANDOM_TRIALS
    is_own: bool = False

    @property
    def words(self) -> str:
        """The setting in a few words; a table's row begins with them."""
        trials = "" if self.trials is None else f", {self.trials} trials"
        hours = "" if self.hours is None else f", {self.hours:g} h"
        return f"{self.rule.words}, {self.searcher}{trials}{hours}"


def replay(
    truth: Truth,
    setting: Setting,
    *,
    num_nights: int,
    num_workers: int,
    known: Sequence[KnownPoint] = (),
) -> Replayed:
    """Run so many nights with one setting.

    Args:
        truth: What was recorded.
        setting: How to search.
        num_nights: Nights; their seeds are 0, 1, ..., the same for every setting.
        num_workers: Trials that run at the same time.
        known: Points that every night tries first.
    """
    trials = min(setting.trials or len(truth.configurations), len(truth.configurations))
    search = Search(
        searcher=setting.searcher,
        num_random=setting.num_random,
        known=tuple(known),
        budget=Budget(trials, setting.hours),
        num_workers=num_workers,
    )
    nights = [
        run_night(truth, search, setting.rule.ledger(truth.max_epochs), seed)
        for seed in range(num_nights)
    ]
    return summarise(nights, truth, setting, trials)


def summarise(nights: Sequence[Night], truth: Truth, setting: Setting, trials: int) -> Replayed:
    """Return what nights with one setting came to."""
    full = trials * truth.max_epochs
    stopped = [stops(night) for night in nights]
    return Replayed(
        setting=setting.words,
        flags=setting.rule.flags,
        objective=truth.objective,
        is_own=setting.is_own,
        num_nights=len(nights),
        trials=trials,
        max_epochs=truth.max_epochs,
        epochs=Mean.of([float(len(night.steps)) for night in nights]),
        hours=Mean.of([_hours_after(night, full) for night in nights]),
        regret=Mean.of([regret_after(night, full) for night in nights]),
        points=tuple(_point(nights, share, full) for share in SHARES),
        epochs_to_near=statistics.median(
            epochs_to(night, OBJECTIVES[truth.objective].near) for night in nights
        ),
        false_stops=ratio([one.num_wrong for one in stopped], [one.num_stopped for one in stopped]),
        lost=sum(one.lost > 0 for one in stopped) / len(nights),
    )


def _point(nights: Sequence[Night], share: float, full: int) -> Point:
    epochs = max(1, round(share * full))
    return Point(
        share,
        Mean.of([_hours_after(night, epochs) for night in nights]),
        Mean.of([regret_after(night, epochs) for night in nights]),
    )


def _hours_after(night: Night, num_epochs: int) -> float:
    """Return when so many epochs were spent, or when the night ended where fewer were."""
    if not night.steps:
        return 0.0
    return night.steps[min(num_epochs, len(night.steps)) - 1].time_s / 3600
