"""A trial on a node that does not see the driver's folders (`tune.engine.staging`)."""

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from models.training.epoch_result import EpochResult
from tune.engine.staging import Stage, ask_desk
from tune.errors import UsageError
from tune.storage.stage import find_corpus
from tune.trial.delivery import DeliveredCheckpoints, Delivery, Receipt
from tune.trial.run import run_trial
from tune.trial.spec import TrialSpec


class FarDesk:
    """A `CheckpointDesk` on another node, for one folder of checkpoints.

    Args:
        stage: How to reach it.
        folder: The folder, as the driver names it.
    """

    def __init__(self, stage: Stage, folder: str) -> None:
        self._ask = partial(ask_desk, stage)
        self._folder = folder

    def begin(self, name: str, attempt: int) -> bool:
        """Take the lease of a trial; return whether no newer attempt has it."""
        return bool(self._ask("begin", self._folder, name, attempt))

    def holds(self, name: str, attempt: int) -> bool:
        """Return whether an attempt is still the newest."""
        return bool(self._ask("holds", self._folder, name, attempt))

    def fetch(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""
        found: bytes | None = self._ask("fetch", self._folder, name)
        return found

    def deliver(self, delivery: Delivery) -> Receipt:
        """Keep a checkpoint."""
        return Receipt(self._ask("deliver", self._folder, delivery))


def run_staged(spec: TrialSpec, stage: Stage, say: Callable[[str], None]) -> Iterator[EpochResult]:
    """Train a trial on a node's own copy of the corpus; its checkpoints travel.

    Args:
        spec: The trial; its folders are the driver's.
        stage: How to get at these.
        say: See `run_trial`, also for what it raises.
    """
    assert spec.checkpoint is not None
    scratch = Path(stage.scratch)
    data = spec.data
    corpus = find_corpus(
        Path(data.corpus), scratch, data.corpus_fingerprint, data.split_fingerprint
    )
    if corpus is None:
        raise UsageError(
            f"a node must keep the corpus that it was sent, found none in {str(scratch)!r} on node "
            f"{platform.node()}: start again, and leave that folder as it is"
        )
    store = DeliveredCheckpoints(spec, scratch, FarDesk(stage, str(Path(spec.checkpoint).parent)))
    yield from run_trial(replace(spec, data=replace(data, corpus=str(corpus))), say, store)
