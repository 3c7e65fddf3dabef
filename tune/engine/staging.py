"""`--stage`: files travel between the driver and nodes that do not see its folders.

A desk, one actor on the driver's own node, reads and writes the driver's files for all nodes: the
corpus, which a node asks for once (`tune.storage.stage`), and checkpoints, which a worker delivers
after each epoch before it reports it (`tune.trial.delivery`). So an epoch in the journal has its
checkpoint, and whatever node a trial continues on begins with what was delivered. The desk ends
with its driver.
"""

import platform
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from data.errors import DataError
from models.training.epoch_result import EpochResult
from tune.errors import UsageError
from tune.storage.deliveries import Deliveries
from tune.storage.probe import Probe, Seen, compare, look, open_probe
from tune.storage.stage import CorpusFiles, find_corpus, list_corpus, read_part, stage_corpus
from tune.trial.delivery import DeliveredCheckpoints, Delivery, Receipt
from tune.trial.run import run_trial
from tune.trial.spec import TrialSpec

START_S = 60.0
"""Time that the desk has to start."""

MAX_AT_ONCE = 8
"""Questions that the desk answers at a time; each may hold a checkpoint in memory."""


@dataclass(frozen=True)
class Stage:
    """What a node needs to get at the driver's files.

    Attributes:
        desk: Name of the desk's actor.
        scratch: Folder on every node for what travels.
    """

    desk: str
    scratch: str


class Desk:
    """Answers nodes; folders are the driver's. It keeps nothing that a new one would miss."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listed: dict[str, CorpusFiles] = {}

    def look(self, probe: Probe) -> Seen:
        """Return what it sees of the results folder."""
        return look(probe)

    def list_corpus(self, folder: str) -> CorpusFiles:
        """Return what there is to copy of a corpus; every byte of it is read, once."""
        with self._lock:
            if folder not in self._listed:
                self._listed[folder] = list_corpus(Path(folder))
            return self._listed[folder]

    def read_part(self, folder: str, name: str, offset: int, length: int) -> bytes:
        """Return a part of a file of a corpus."""
        return read_part(Path(folder), name, offset, length)

    def begin(self, folder: str, name: str, attempt: int) -> bool:
        """Take the lease of a trial."""
        return Deliveries(Path(folder)).begin(name, attempt)

    def holds(self, folder: str, name: str, attempt: int) -> bool:
        """Return whether an attempt is still the newest."""
        return Deliveries(Path(folder)).holds(name, attempt)

    def fetch(self, folder: str, name: str) -> bytes | None:
        """Return a checkpoint file."""
        return Deliveries(Path(folder)).fetch(name)

    def deliver(self, folder: str, delivery: Delivery) -> Receipt:
        """Keep a checkpoint."""
        return Deliveries(Path(folder)).deliver(delivery)


class OpenDesk:
    """The driver's desk, for as long as this is kept.

    Attributes:
        stage: What nodes need to ask it.

    Args:
        scratch: Folder on every node for what travels.
    """

    def __init__(self, scratch: str) -> None:
        self.stage = Stage(f"desk-{secrets.token_hex(8)}", scratch)
        actor: Any = ray.remote(Desk)
        self._actor = actor.options(
            name=self.stage.desk,
            num_cpus=0,
            label_selector={"ray.io/node-id": ray.get_runtime_context().get_node_id()},
            max_restarts=-1,
            max_task_retries=-1,
            max_concurrency=MAX_AT_ONCE,
        ).remote()

    def check(self, results: str) -> None:
        """Make sure that it sees what the driver sees: their node may be another container.

        Raises:
            UsageError: If not.
        """
        with open_probe(results) as probe:
            try:
                seen = ray.get(self._actor.look.remote(probe), timeout=START_S)
            except (RayError, GetTimeoutError) as error:
                raise _blind(f"it does not answer ({str(error).splitlines()[0]})") from error
            if (fault := compare(probe, seen).fault) is not None:
                raise _blind(f"{probe.results!r} there {fault}")


class FarDesk:
    """A `CheckpointDesk` on another node, for one folder of checkpoints.

    Args:
        stage: How to reach it.
        folder: The folder, as the driver names it.
    """

    def __init__(self, stage: Stage, folder: str) -> None:
        self._ask = partial(_ask, ray.get_actor(stage.desk))
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


def copy_corpus(stage: Stage, corpus: str) -> str | None:
    """Copy the driver's corpus to this node; return a sentence if that failed.

    Args:
        stage: How to get at it.
        corpus: The corpus folder, as the driver names it.
    """
    ask = partial(_ask, ray.get_actor(stage.desk))
    try:
        listed = ask("list_corpus", corpus)
        read = partial(ask, "read_part", corpus)
        stage_corpus(listed, Path(stage.scratch), read, platform.node())
    except (UsageError, DataError) as error:
        return str(error)
    return None


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


def _ask(desk: Any, question: str, *arguments: Any) -> Any:
    """Return the desk's answer; what it raises is raised here as it was there."""
    try:
        return ray.get(getattr(desk, question).remote(*arguments))
    except RayTaskError as error:
        raise error.cause from error


def _blind(found: str) -> UsageError:
    return UsageError(
        "with --stage, the node on the driver's machine reads and writes the driver's files, found "
        f"that {found}: start the command where that node's folders are, and as the same user"
    )
