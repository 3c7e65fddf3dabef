"""What a journal tells about a study: plain values, read back whole."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from models.training.epoch_result import EpochResult
from tune.outcomes import Outcome
from tune.space.dimension import Value
from tune.space.points import Candidate, KnownPoint
from tune.trial.clock import Moment
from tune.trial.record import RungDecision
from tune.trial.spec import StudyFacts, TrialSpec


@dataclass(frozen=True)
class Agreement:
    """What a study decided once and keeps in every session.

    Attributes:
        known: The points to try first.
        precision: Arithmetic of the training step.
        channels_last: Memory layout of the training step.
        facts: What it was planned on, the same in every row of its tables.
        candidates: What a promotion promotes; none for a search.
    """

    known: tuple[KnownPoint, ...]
    precision: str
    channels_last: bool
    facts: StudyFacts
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True)
class Budget:
    """How much a study may do, all sessions together.

    Attributes:
        trials: Configurations to try.
        hours: Running time; None for no limit.
        full_hours: The largest running time that the study has filled: no further trial fitted.
    """

    trials: int
    hours: float | None
    full_hours: float = 0.0

    def is_used_up(self, elapsed_s: float) -> bool:
        """Whether the running time is used up, to its end or until no further trial fitted."""
        if self.hours is None:
            return False
        return elapsed_s >= 3600 * self.hours or self.hours <= self.full_hours

    def left_s(self, elapsed_s: float) -> float:
        """Seconds of running time that are left, negative beyond it; infinity without a limit."""
        return math.inf if self.hours is None else 3600 * self.hours - elapsed_s


@dataclass(frozen=True)
class Ending:
    """How a trial ended."""

    outcome: Outcome
    reason: str | None
    ended: Moment


@dataclass(frozen=True)
class TrialHistory:
    """What the journal knows of one trial.

    Attributes:
        number: Its number.
        values: Its searched values; some are missing if the writer died while it was suggested.
        spec: What was asked for, its checkpoint named without a folder; None if the writer died
            before it was scheduled.
        begun: When it was scheduled; None likewise.
        started: When a worker first started it; None if none did.
        epochs: The finished epochs, in order, and when they were reported.
        decisions: What rungs decided about it.
        failures: Why its worker was lost, each time; it continued after each but the last.
        ending: How it ended; None while it runs.
        is_reported: Whether the end was reported to the sampler; after that nothing can change.
    """

    number: int
    values: Mapping[str, Value]
    spec: TrialSpec | None
    begun: Moment | None
    started: Moment | None
    epochs: tuple[tuple[EpochResult, Moment], ...]
    decisions: tuple[RungDecision, ...]
    failures: tuple[str, ...]
    ending: Ending | None
    is_reported: bool

    @property
    def has_ended(self) -> bool:
        """Whether it is over for good; an interrupted trial is not."""
        return self.ending is not None and self.ending.outcome is not Outcome.INTERRUPTED
