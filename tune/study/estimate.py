"""How long a study will take, measured on a few steps of its own before it starts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from models.training.loop import BatchSource, TrainingSession, train_epochs
from models.training.precision import Stack
from tune.card.packing import side_by_side
from tune.scheduling.rungs import rung_epochs
from tune.space.points import Proposal
from tune.study.plan import StudyPlan
from tune.trial.session import open_batches
from tune.trial.spec import TrialSpec


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


def epoch_seconds(spec: TrialSpec) -> float:
    """Measure the seconds of one epoch of a trial, training and validation, from a batch of each.

    A first batch warms up caches and is not counted; every other one is taken to cost the same.
    """
    train, val = open_batches(spec)
    short = replace(spec.train, epochs=2, warmup_epochs=min(spec.train.warmup_epochs, 2))
    session = TrainingSession(spec.model, short, FirstBatch(train), FirstBatch(val), spec.device)
    *_, result = train_epochs(session)
    return result.train_s * train.num_batches + result.val_s * val.num_batches


def expected_epochs(num_trials: int, max_epochs: int, grace: int, reduction_factor: int) -> float:
    """Return the epochs that a study of equally good trials spends under its rungs.

    With improving proposals more go on, so this is a lower estimate.
    """
    spent = 0.0
    alive, before = float(num_trials), 0
    for rung in rung_epochs(grace, max_epochs, reduction_factor):
        spent += alive * (rung - before)
        alive, before = expected_kept(round(alive), reduction_factor), rung
    return spent + alive * (max_epochs - before)


def expected_kept(num_trials: int, reduction_factor: int) -> float:
    """Return how many of equally good trials, in random order, go on at a rung.

    As `tune.scheduling.rungs` decides: the k-th to arrive is as likely to have any of the ranks 1
    to k and stays with one of the best floor(k / factor); the first ones stay, as long as there are
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
    spec = plan.trial_spec(Proposal(0, "plan", {"base_channels": base_channels}), stack)
    macs = plan.packing.predict(spec).macs
    return ConfigurationClass(spec, side_by_side(plan.packing, spec.placement), macs)
