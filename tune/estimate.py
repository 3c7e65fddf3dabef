"""How long a study will take, measured on a few steps of its own before it starts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from models.training import BatchSource, TrainingSession, train_epochs
from tune.rungs import rung_epochs
from tune.trial import TrialSpec, open_batches


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
    """Return how many of equally good trials, in random order, go on at a rung of `tune.rungs`.

    The k-th to arrive is as likely to have any of the ranks 1 to k and stays with one of the best
    floor(k / factor); the first ones stay, as long as there are fewer than `reduction_factor`.

    >>> expected_kept(3, 3)
    2.3333333333333335
    """
    chances = (
        1.0 if k < reduction_factor else k // reduction_factor / k for k in range(1, num_trials + 1)
    )
    return sum(chances)
