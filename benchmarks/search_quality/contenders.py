"""Who is compared: ways to stop, ways to suggest, and ways to begin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.search_quality.losers import Forecast, GrowingRungs, Median, TopShareNear
from tune.scheduling.roles import Stops
from tune.scheduling.rules import StoppingRule
from tune.scheduling.rungs import RungLedger, every_epoch, rung_epochs
from tune.simulation.night import Night, Search, run_night
from tune.simulation.truth import Truth
from tune.space.points import KnownPoint
from tune.storage.history import Budget

NUM_TRIALS = 40
NUM_WORKERS = 2
NOISE_DB = 0.1


@dataclass(frozen=True)
class Contender:
    """A way to search.

    Attributes:
        name: In the table.
        stopper: Makes who stops trials of a length.
        searcher: Who suggests.
        num_random: Random trials before the searcher's model is used.
        has_start: Whether the hand-set point is tried first.
    """

    name: str
    stopper: Callable[[int], Stops]
    searcher: str = "random"
    num_random: int = 8
    has_start: bool = False

    def night(self, truth: Truth, seed: int, known: Sequence[KnownPoint] = ()) -> Night:
        """Run one night."""
        start = [KnownPoint("hand_set", truth.hand_set)] if truth.hand_set else []
        search = Search(
            searcher=self.searcher,
            num_random=self.num_random,
            known=(*(start if self.has_start else ()), *known),
            budget=Budget(min(NUM_TRIALS, len(truth.configurations)), None),
            num_workers=NUM_WORKERS,
        )
        return run_night(truth, search, self.stopper(truth.max_epochs), seed)


def rule(scheduler: str, grace_epochs: int, value: float = 0.1) -> Callable[[int], Stops]:
    """Return what makes a ledger of the product; `value` is the tolerance or the factor."""
    factor = int(value) if scheduler == "asha" else 3
    return StoppingRule(scheduler, grace_epochs, factor, value).ledger


NONE = rule("none", 1)
LEADER = rule("leader", 1, 0.1)


def median(max_epochs: int) -> Stops:
    """Return the median rule."""
    return RungLedger(every_epoch(1, max_epochs), Median())


def asha_near(max_epochs: int) -> Stops:
    """Return ASHA with the noise in mind."""
    return RungLedger(rung_epochs(1, max_epochs, 3), TopShareNear(3, NOISE_DB))


def forecast(max_epochs: int) -> Stops:
    """Return the learning-curve stop."""
    return Forecast(max_epochs - 1)


WITHOUT_STOPPING = Contender("random, no stopping", NONE)
DEFAULT = Contender("default: hand-set, tpe, leader", LEADER, "tpe", has_start=True)

CONTENDERS = (
    WITHOUT_STOPPING,
    Contender("random, asha grace 3 factor 3 (former)", rule("asha", 3, 3)),
    Contender("random, asha grace 1 factor 3", rule("asha", 1, 3)),
    Contender("random, asha grace 1 factor 2", rule("asha", 1, 2)),
    Contender("random, asha grace 1 factor 3, noise 0.1", asha_near),
    Contender("random, median", median),
    Contender("random, forecast", forecast),
    Contender("random, growing rungs", partial(GrowingRungs, noise=NOISE_DB)),
    Contender("random, leader tolerance 0", rule("leader", 1, 0.0)),
    Contender("random, leader tolerance 0.05", rule("leader", 1, 0.05)),
    Contender("random, leader tolerance 0.1", LEADER),
    Contender("random, leader tolerance 0.2", rule("leader", 1, 0.2)),
    Contender("random, leader grace 2", rule("leader", 2, 0.1)),
    Contender("random, leader grace 3", rule("leader", 3, 0.1)),
    Contender("tpe after 8 random, no stopping", NONE, "tpe"),
    Contender("tpe after 4 random, leader", LEADER, "tpe", num_random=4),
    Contender("tpe after 8 random, leader", LEADER, "tpe"),
    Contender("tpe after 16 random, leader", LEADER, "tpe", num_random=16),
    Contender("hand-set, random, no stopping", NONE, has_start=True),
    Contender("hand-set, random, leader", LEADER, has_start=True),
    DEFAULT,
)
SLOW = (Contender("gp after 8 random, leader", LEADER, "gp"),)
"""The Gaussian process takes a tenth of a second per suggestion: asked for with --slow."""
