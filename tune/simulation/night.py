"""One search in simulated time: several workers, recorded curves, the real conductor.

Time advances from one finished epoch to the next, in the order in which workers would report them.
"""

import heapq
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.epoch_result import EpochResult
from tune.outcomes import Outcome
from tune.scheduling.conductor import Conductor
from tune.scheduling.roles import Stops
from tune.scheduling.sampler import NUM_RANDOM_TRIALS, Sampler
from tune.simulation.proposer import RecordedProposer
from tune.simulation.truth import Curve, Truth
from tune.space.points import KnownPoint, Suggestion
from tune.storage.history import Budget
from tune.storage.memory import MemoryRecorder
from tune.trial.clock import Moment, StudyClock
from tune.trial.record import TrialRecord
from tune.trial.spec import DataSpec, TrialSpec

START = datetime(2000, 1, 1, tzinfo=UTC)
"""Date of every moment of a simulated night: nobody reads it."""


@dataclass(frozen=True)
class Step:
    """An epoch that was finished in a night.

    Attributes:
        time_s: Simulated seconds since the start.
        trial: Number of the trial.
        configuration: Index of its configuration.
        epoch: Its epoch, from 1.
        score: What is maximised, there.
    """

    time_s: float
    trial: int
    configuration: int
    epoch: int
    score: float


@dataclass(frozen=True)
class Night:
    """What happened in a night.

    Attributes:
        steps: Every finished epoch, in the order of its end.
        curves: The curve that each configuration would have run to its end.
        records: The trials, as the conductor left them.
        tried: Index of each trial's configuration.
        max_epochs: Epochs of a trial to its end.
    """

    steps: tuple[Step, ...]
    curves: tuple[Curve, ...]
    records: tuple[TrialRecord, ...]
    tried: tuple[int, ...]
    max_epochs: int


class SimulatedClock(StudyClock):
    """Stands still until it is set."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def set(self, now_s: float) -> None:
        """Advance to a time."""
        self._now_s = now_s

    @property
    def elapsed_s(self) -> float:
        """Simulated seconds."""
        return self._now_s

    def now(self) -> Moment:
        """Return this moment."""
        return Moment(START, self._now_s)


class Nobody:
    """Watches a study without showing it to anyone."""

    def begin(self, records: Iterable[TrialRecord]) -> None:
        """Show nothing."""

    def update(self, records: Iterable[TrialRecord]) -> None:
        """Show nothing."""

    def show_start(self, record: TrialRecord, records: Iterable[TrialRecord]) -> None:
        """Show nothing."""

    def show_end(self, record: TrialRecord, records: Iterable[TrialRecord]) -> None:
        """Show nothing."""

    def say(self, sentence: str) -> None:
        """Show nothing."""


@dataclass(frozen=True, kw_only=True)
class Search:
    """How a night is searched.

    Attributes:
        searcher: Who suggests.
        num_random: Random trials before the searcher's model is used.
        known: Points to try first.
        budget: Trials and hours.
        num_workers: Trials that run at the same time.
        end_of: When an epoch ends, from when it begins and what it takes on a quiet machine, in
            seconds.
    """

    searcher: str = "tpe"
    num_random: int = NUM_RANDOM_TRIALS
    known: tuple[KnownPoint, ...] = ()
    budget: Budget
    num_workers: int = 2
    end_of: Callable[[float, float], float] = operator.add


def run_night(truth: Truth, search: Search, stopper: Stops, seed: int) -> Night:
    """Run one search on recorded curves.

    Args:
        truth: The curves.
        search: How it is searched.
        stopper: Who stops trials; a new one for every night.
        seed: Draws suggestions, and which training of a configuration is seen.
    """
    curves = truth.draw(seed)
    clock = SimulatedClock()
    recorder = MemoryRecorder(clock)
    sampler = Sampler(
        recorder.journal,
        truth.dimensions,
        search.known,
        search.searcher,
        seed,
        search.num_random,
    )
    proposer = RecordedProposer(sampler, truth)
    conductor = Conductor(
        proposer, stopper, recorder, _spec_maker(truth.max_epochs), Nobody(), search.budget
    )
    steps = _run(conductor, clock, search, proposer.tried, curves)
    conductor.close()
    return Night(
        tuple(steps),
        curves,
        tuple(recorder.trials.values()),
        tuple(proposer.tried),
        truth.max_epochs,
    )


def _run(
    conductor: Conductor,
    clock: SimulatedClock,
    search: Search,
    tried: Sequence[int],
    curves: Sequence[Curve],
) -> list[Step]:
    """Give out trials and report their epochs in the order of time; return the epochs."""
    steps: list[Step] = []
    running: list[tuple[float, int, int]] = []  # end of the epoch, trial, epoch: a heap
    while True:
        while len(running) < search.num_workers and (spec := conductor.next_trial()) is not None:
            conductor.start(spec.number)
            curve = curves[tried[spec.number]]
            heapq.heappush(running, _next_epoch(clock, search, curve, spec.number, 1))
        if not running or conductor.should_end():
            return steps
        end_s, number, epoch = heapq.heappop(running)
        clock.set(end_s)
        curve = curves[tried[number]]
        if epoch > len(curve.scores):
            conductor.end(number, Outcome.DIVERGED, "recorded so")
            continue
        is_last = epoch == len(curve.scores) and not curve.is_diverged
        steps.append(Step(end_s, number, tried[number], epoch, curve.scores[epoch - 1]))
        continues = conductor.report_epoch(number, _result(curve, epoch, is_last=is_last))
        if is_last:
            conductor.end(number, Outcome.COMPLETED)
        elif continues:
            heapq.heappush(running, _next_epoch(clock, search, curve, number, epoch + 1))
        else:
            conductor.end(number)


def _next_epoch(
    clock: SimulatedClock, search: Search, curve: Curve, number: int, epoch: int
) -> tuple[float, int, int]:
    """Return when an epoch will end, whose it is and which; a diverging one takes its last time."""
    index = min(epoch, len(curve.epochs_s)) - 1
    return (search.end_of(clock.elapsed_s, curve.epochs_s[index]), number, epoch)


def _spec_maker(max_epochs: int) -> Callable[[Suggestion], TrialSpec]:
    """Return what makes a trial's specification: only its number and its length are ever read."""
    template = TrialSpec(
        study="replay",
        number=0,
        model=ModelConfig("baseline", 16, 16),
        train=TrainConfig(epochs=max_epochs, warmup_epochs=0),
        data=DataSpec("", 64, 1.0, None, 0, "", ""),
        device="cpu",
        proposed_by="replay",
    )

    def make(suggestion: Suggestion) -> TrialSpec:
        return replace(template, number=suggestion.number, proposed_by=suggestion.proposed_by)

    return make


def _result(curve: Curve, epoch: int, *, is_last: bool) -> EpochResult:
    """Return what a worker would report, of which only the score and the times are known."""
    return EpochResult(
        epoch=epoch,
        train_loss=0.0,
        train_mse=0.0,
        train_ssim=0.0,
        train_psnr_db=0.0,
        val_loss=0.0,
        val_mse=0.0,
        val_ssim=0.0,
        val_psnr_db=curve.scores[epoch - 1],
        learning_rate=0.0,
        gradient_norm=0.0,
        train_s=curve.epochs_s[epoch - 1],
        val_s=0.0,
        num_samples=0,
        samples_per_s=0.0,
        measured_peak_mib=0.0,
        memory_method="",
        is_last=is_last,
    )
