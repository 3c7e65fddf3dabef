"""How long a study will take, measured on a few steps of its own before it starts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from models.training.loop import train_epochs
from models.training.precision import PLAIN, Stack, prepare_process
from models.training.session import TrainingSession
from models.training.sources import BatchSource
from tune.engine.elsewhere import run_where_trials_do
from tune.scheduling.rules import StoppingRule
from tune.scheduling.rungs import rung_epochs
from tune.space.points import Suggestion
from tune.study.plan import StudyPlan
from tune.trial.session import open_batches, start_of
from tune.trial.spec import TrialSpec

STARTUP_S = 9.0
"""Seconds that a search needs beside its epochs: starting Ray, its workers, and ending."""


@dataclass(frozen=True)
class FirstBatch:
    """The first batch of a source, as a source."""

    source: BatchSource

    @property
    def num_batches(self) -> int:
        """One."""
        return 1

    def epoch(self, epoch: int) -> Iterator[NDArray[np.float32]]:
        """Yield the first batch of an epoch."""
        return islice(self.source.epoch(epoch), 1)


@dataclass(frozen=True)
class StudyEstimate:
    """What a study will take.

    Attributes:
        timed: The trial of which an epoch was timed, at the configured width.
        epoch_s: Seconds of that epoch.
        expected_epochs: Epochs that all trials together are expected to need.
        most_epochs: Epochs that they need if no trial is stopped.
        classes: What the trials of each width take.
        timed_macs: Multiply-accumulates of one image's forward pass in the timed trial.
        num_side_by_side: Trials that run at the same time.
        num_trials: Trials of the study.
    """

    timed: TrialSpec
    epoch_s: float
    expected_epochs: float
    most_epochs: int
    classes: "tuple[ConfigurationClass, ...]"
    timed_macs: int
    num_side_by_side: int
    num_trials: int

    @property
    def expected_s(self) -> float:
        """Seconds that the study is expected to take."""
        return STARTUP_S + self.expected_epochs * self.epoch_s / self.num_side_by_side

    @property
    def most_s(self) -> float:
        """Seconds that it takes if no trial is stopped."""
        return STARTUP_S + self.most_epochs * self.epoch_s / self.num_side_by_side

    def trials_per_hour(self, one: "ConfigurationClass") -> float:
        """Return how many trials of one width end in an hour."""
        epochs = self.expected_epochs / self.num_trials
        return one.trials_per_hour(epochs, self.epoch_s, self.timed_macs)


def estimate_study(plan: StudyPlan) -> StudyEstimate:
    """Return what a study will take, from an epoch that is timed now.

    The stack of the training step is chosen when the search starts: timing it takes longer than a
    plan may. The plain one gives an estimate on the safe side.
    """
    config = plan.config
    prepare_process(plan.packing.num_threads)
    timed = plan.trial_spec(Suggestion(0, "estimate", {}), PLAIN)
    most = config.trials * config.epochs
    return StudyEstimate(
        timed=timed,
        epoch_s=run_where_trials_do(timed.placement, time_epoch, timed).whole_s,
        expected_epochs=epochs_under(StoppingRule.of(config), config.trials, config.epochs),
        most_epochs=most,
        classes=configuration_classes(plan, PLAIN),
        timed_macs=configuration_class(plan, PLAIN, config.base_channels).macs,
        num_side_by_side=plan.num_slots,
        num_trials=config.trials,
    )


@dataclass(frozen=True)
class EpochTime:
    """The seconds of an epoch: training, and validation."""

    train_s: float
    val_s: float

    @property
    def whole_s(self) -> float:
        """Seconds of both."""
        return self.train_s + self.val_s


def time_epoch(spec: TrialSpec) -> EpochTime:
    """Measure one epoch of a trial, training and validation, from a batch of each.

    A first batch warms up caches and is not counted; every other one is taken to cost the same.
    """
    train, val = open_batches(spec)
    short = replace(spec.train, epochs=2, warmup_epochs=min(spec.train.warmup_epochs, 2))
    session = TrainingSession(
        spec.model, short, FirstBatch(train), FirstBatch(val), spec.device, start_of(spec)
    )
    *_, result = train_epochs(session)
    return EpochTime(result.train_s * train.num_batches, result.val_s * val.num_batches)


LEADER_SHARE = 0.3
"""Share of the epochs after the grace period that a trial spends under the rule leader, the first
one aside: 0.25 in replays of recorded curves, and every twentieth trial is audited."""


def epochs_under(rule: StoppingRule, num_trials: int, max_epochs: int) -> float:
    """Return the epochs that a study is expected to spend under a stopping rule.

    >>> epochs_under(StoppingRule("leader", 1, 3, 0.1), num_trials=10, max_epochs=9)
    39.6
    """
    if not rule.rungs(max_epochs):
        return float(num_trials * max_epochs)
    grace = rule.grace_epochs
    if rule.scheduler == "leader":
        others = grace + LEADER_SHARE * (max_epochs - grace)
        return round(max_epochs + (num_trials - 1) * others, 3)
    return expected_epochs(num_trials, max_epochs, grace, rule.reduction_factor)


def expected_epochs(num_trials: int, max_epochs: int, grace: int, reduction_factor: int) -> float:
    """Return the epochs that a study of equally good trials spends under its rungs.

    With improving suggestions more continue, so this is a lower estimate.
    """
    spent = 0.0
    alive, before = float(num_trials), 0
    for rung in rung_epochs(grace, max_epochs, reduction_factor):
        spent += alive * (rung - before)
        alive, before = expected_kept(round(alive), reduction_factor), rung
    return spent + alive * (max_epochs - before)


def expected_kept(num_trials: int, reduction_factor: int) -> float:
    """Return how many of equally good trials, in random order, continue at a rung.

    As `tune.scheduling.rungs` decides: the k-th to arrive is as likely to have any of the ranks 1
    to k and continues with one of the best floor(k / factor); so do the first ones, while there are
    fewer than `reduction_factor`.

    >>> expected_kept(3, 3)
    2.3333333333333335
    """
    chances = (
        1.0 if k < reduction_factor else k // reduction_factor / k for k in range(1, num_trials + 1)
    )
    return sum(chances)


@dataclass(frozen=True)
class ConfigurationClass:
    """Trials of one width.

    Attributes:
        spec: One of them, placed; its batch size is the configuration's.
        num_side_by_side: How many run beside each other; 0 if none can run.
        macs: Multiply-accumulates of one image's forward pass.
    """

    spec: TrialSpec
    num_side_by_side: int
    macs: int

    def trials_per_hour(self, epochs: float, epoch_s: float, timed_macs: int) -> float:
        """Return how many end in an hour, if neighbours do not slow each other.

        Args:
            epochs: That a trial takes, on average.
            epoch_s: Seconds of an epoch, timed with a model of `timed_macs`; others are taken to
                need time in proportion to their arithmetic.
            timed_macs: See epoch_s.
        """
        trial_s = epochs * epoch_s * self.macs / timed_macs
        return self.num_side_by_side * 3600.0 / trial_s


def configuration_classes(plan: StudyPlan, stack: Stack) -> tuple[ConfigurationClass, ...]:
    """Return the classes of a plan, one per width."""
    return tuple(configuration_class(plan, stack, width) for width in plan.widths)


def configuration_class(plan: StudyPlan, stack: Stack, base_channels: int) -> ConfigurationClass:
    """Return the class of one width."""
    spec = plan.trial_spec(Suggestion(0, "plan", {"base_channels": base_channels}), stack)
    macs = plan.packing.predict(spec).macs
    return ConfigurationClass(spec, plan.side_by_side(spec), macs)
