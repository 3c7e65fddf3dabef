"""What became of one trial: grows on the driver while results come back."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.training.objective import OBJECTIVES, Objective
from tune.outcomes import Outcome
from tune.trial.clock import Moment
from tune.trial.spec import TrialSpec

if TYPE_CHECKING:
    from models.training.epoch_result import EpochResult


@dataclass(frozen=True)
class RungDecision:
    """What a rung decided about one trial.

    Attributes:
        trial_number: The trial's number in its study.
        rung: Index of the rung, 0 for the earliest.
        rung_epoch: Epoch at which the rung compares.
        value: The trial's score at that epoch, by the objective and in its unit.
        cutoff: The value needed to continue; None while the rung has too few values to judge.
        num_values: Values seen at this rung, this one included.
        kept: Whether the trial continues.
        audited: Whether it continues although it is worse than the cutoff, to learn what stopping
            would have missed.
    """

    trial_number: int
    rung: int
    rung_epoch: int
    value: float
    cutoff: float | None
    num_values: int
    kept: bool
    audited: bool = False


@dataclass
class TrialRecord:
    """What the driver knows about a trial: grows by one epoch at a time, ends with one outcome.

    Attributes:
        spec: What was asked for.
        begun: When the trial was scheduled.
        epochs: The finished epochs, in order; kept however the trial ends.
        reported: When each of them was reported.
        decisions: What rungs decided about it.
        failures: Why its worker was lost, each time.
        outcome: How it ended; None while it runs.
        reason: Why, for a person; None for a completed trial.
        ended: When it ended.
        started: When a worker first started it; None while it waits for one, or for memory.
    """

    spec: TrialSpec
    begun: Moment
    epochs: list["EpochResult"] = field(default_factory=list)
    reported: list[Moment] = field(default_factory=list)
    decisions: list[RungDecision] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    reason: str | None = None
    ended: Moment | None = None
    started: Moment | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good; an interrupted trial can be resumed."""
        return self.outcome not in {None, Outcome.INTERRUPTED}

    @property
    def turned_away(self) -> RungDecision | None:
        """The decision that stopped it, if one did; it can only be the last."""
        last = self.decisions[-1] if self.decisions else None
        return None if last is None or last.kept else last

    @property
    def wall_s(self) -> float:
        """Running time of the study from its start to its end, or to its last epoch so far."""
        last = self.ended or (self.reported[-1] if self.reported else self.begun)
        return last.elapsed_s - self.begun.elapsed_s

    @property
    def wait_s(self) -> float:
        """Running time of the study that passed before a worker first started it."""
        return 0.0 if self.started is None else self.started.elapsed_s - self.begun.elapsed_s

    @property
    def objective(self) -> Objective:
        """What it is judged by, as every trial of its study."""
        return OBJECTIVES[self.spec.train.objective]

    @property
    def scores(self) -> list[float]:
        """Score of each finished epoch by the objective, in its unit; larger is better."""
        return [self.objective.of(epoch) for epoch in self.epochs]

    @property
    def best(self) -> "EpochResult | None":
        """The epoch that every "best" value comes from: highest score, first of ties."""
        return max(self.epochs, key=self.objective.of, default=None)

    @property
    def best_score(self) -> float:
        """Score of the best epoch; minus infinity before the first epoch."""
        return max(self.scores, default=float("-inf"))


def stop_reason(record: TrialRecord) -> str:
    """Return why a trial was turned away, in a line for a person."""
    decision, objective = record.turned_away, record.objective
    assert decision is not None
    assert decision.cutoff is not None
    return (
        f"{objective.text(decision.value)} at epoch {decision.rung_epoch} is below the "
        f"{objective.text(decision.cutoff)} needed to continue"
    )
