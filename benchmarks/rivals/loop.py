"""One search by somebody else's scheduler in simulated time, on recorded curves.

The counterpart of `tune.simulation.night`: the same workers, the same time, the same curves, and
trials that may pause. A rival decides what a free worker does and who goes on; the loop moves its
configurations to recorded ones, tells it so, and reports every epoch.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from tune.simulation.night import Night, Step
from tune.simulation.proposer import Moves
from tune.simulation.truth import Curve, Truth
from tune.space.dimension import Values

NUM_WORKERS = 2


class Verdict(Enum):
    """What becomes of a trial that finished an epoch."""

    CONTINUE = auto()
    PAUSE = auto()
    STOP = auto()


@dataclass(frozen=True)
class Start:
    """A new trial, anywhere in the space."""

    values: Values


@dataclass(frozen=True)
class Resume:
    """A paused trial goes on after its last epoch."""

    trial: int


class Rival(Protocol):
    """Somebody else's search; trials are numbered from 0 in the order of their start."""

    def suggest(self) -> Start | Resume | None:
        """Return what a free worker does; None if it has to wait."""
        ...

    def begin(self, trial: int, values: Values) -> None:
        """Take note of the recorded values that the trial just suggested tries."""
        ...

    def report(self, trial: int, epoch: int, score: float) -> Verdict:
        """Return what becomes of a trial that finished an epoch, the last one too."""
        ...

    def complete(self, trial: int) -> None:
        """Take note that a trial ended by itself after its last epoch was reported."""
        ...

    def fail(self, trial: int) -> None:
        """Take note that a trial diverged."""
        ...


Maker = Callable[[Truth, int, Sequence[Values]], Rival]
"""Makes a rival for one night, from the truth, a seed and the points to try first."""


@dataclass(frozen=True)
class Limits:
    """When a night ends; None is no limit.

    Attributes:
        max_trials: No more trials than these are started.
        max_epochs: No more epochs than these are finished, summed over all trials.
    """

    max_trials: int | None = None
    max_epochs: int | None = None


class _Workers:
    """The running trials and the time.

    Attributes:
        now_s: Simulated seconds since the start.
    """

    def __init__(self, num_workers: int) -> None:
        self._num_workers = num_workers
        self._running: list[tuple[float, int, int]] = []  # end of the epoch, trial, epoch: a heap
        self.now_s = 0.0

    @property
    def has_free(self) -> bool:
        return len(self._running) < self._num_workers

    @property
    def are_idle(self) -> bool:
        return not self._running

    def run(self, trial: int, curve: Curve, epoch: int) -> None:
        """Start an epoch; one that diverges takes as long as the last one that did not."""
        seconds = curve.epochs_s[min(epoch, len(curve.epochs_s)) - 1] if curve.epochs_s else 0.0
        heapq.heappush(self._running, (self.now_s + seconds, trial, epoch))

    def next_end(self) -> tuple[int, int]:
        """Advance to the end of an epoch; return its trial and its number."""
        self.now_s, trial, epoch = heapq.heappop(self._running)
        return trial, epoch


def run_rival(
    truth: Truth, rival: Rival, seed: int, limits: Limits, num_workers: int = NUM_WORKERS
) -> Night:
    """Run one search on recorded curves.

    Args:
        truth: The curves.
        rival: Who searches; a new one for every night.
        seed: Draws which training of a configuration is seen.
        limits: When it ends.
        num_workers: Trials that run at the same time.

    Returns:
        The night, without records: they are the conductor's.
    """
    race = _Race(truth, rival, truth.draw(seed), limits, num_workers)
    race.run()
    return Night(tuple(race.steps), race.curves, (), tuple(race.tried), truth.max_epochs)


class _Race:
    """The event loop of one night."""

    def __init__(
        self,
        truth: Truth,
        rival: Rival,
        curves: tuple[Curve, ...],
        limits: Limits,
        num_workers: int,
    ) -> None:
        self._rival = rival
        self._limits = limits
        self._max_epochs = truth.max_epochs
        self._moves = Moves(truth)
        self._workers = _Workers(num_workers)
        self._is_over = False
        self._paused: dict[int, int] = {}  # the last epoch of each paused trial
        self.curves = curves
        self.steps: list[Step] = []

    @property
    def tried(self) -> list[int]:
        return self._moves.tried

    def run(self) -> None:
        """Give out work and report epochs in the order of time, to the end of the night."""
        while True:
            while self._workers.has_free and self._give_work():
                pass
            if self._workers.are_idle or len(self.steps) == self._limits.max_epochs:
                return
            self._end_epoch(*self._workers.next_end())

    def _give_work(self) -> bool:
        """Start or resume a trial; return whether there was one.

        A rival that asks for one trial too many is not asked again: its night is over, as that of
        Ray and of Syne Tune is then, but for the trials that run.
        """
        asked = None if self._is_over else self._rival.suggest()
        if asked is None:
            return False
        if isinstance(asked, Resume):
            self._run(asked.trial, self._paused.pop(asked.trial) + 1)
            return True
        trial = len(self.tried)
        if trial == self._limits.max_trials or self._moves.is_exhausted:
            self._is_over = True
            return False
        self._rival.begin(trial, self._moves.move(asked.values))
        self._run(trial, 1)
        return True

    def _end_epoch(self, trial: int, epoch: int) -> None:
        curve = self._curve(trial)
        if epoch > len(curve.scores):
            self._rival.fail(trial)
            return
        score = curve.scores[epoch - 1]
        self.steps.append(Step(self._workers.now_s, trial, self.tried[trial], epoch, score))
        verdict = self._rival.report(trial, epoch, score)
        if verdict is Verdict.PAUSE:
            self._paused[trial] = epoch
        elif verdict is Verdict.CONTINUE and epoch < self._max_epochs:
            self._run(trial, epoch + 1)
        elif verdict is Verdict.CONTINUE:
            self._rival.complete(trial)

    def _run(self, trial: int, epoch: int) -> None:
        self._workers.run(trial, self._curve(trial), epoch)

    def _curve(self, trial: int) -> Curve:
        return self.curves[self.tried[trial]]
