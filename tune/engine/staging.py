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
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from data.errors import DataError
from tune.engine.node import on_node
from tune.engine.processes import first_line
from tune.errors import UsageError
from tune.storage.deliveries import Deliveries
from tune.storage.probe import Probe, Seen, compare, look, open_probe
from tune.storage.stage import CorpusFiles, list_corpus, read_part, stage_corpus
from tune.trial.delivery import Delivery, Receipt

START_S = 60.0
"""Time that the desk has to start."""

MAX_AT_ONCE = 4
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
            label_selector=on_node(ray.get_runtime_context().get_node_id()),
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
            except RayError as error:
                raise _blind(f"it does not answer ({first_line(error)})") from error
            if (fault := compare(probe, seen).fault) is not None:
                raise _blind(f"{probe.results!r} there {fault}")


def copy_corpus(stage: Stage, corpus: str) -> str | None:
    """Copy the driver's corpus to this node; return a sentence if that failed.

    Args:
        stage: How to get at it.
        corpus: The corpus folder, as the driver names it.
    """
    ask = partial(ask_desk, stage)
    try:
        listed = ask("list_corpus", corpus)
        read = partial(ask, "read_part", corpus)
        stage_corpus(listed, Path(stage.scratch), read, platform.node())
    except (UsageError, DataError) as error:
        return str(error)
    return None


def ask_desk(stage: Stage, question: str, *arguments: Any) -> Any:
    """Return what the desk answers to one of its methods; what it raises is raised here."""
    try:
        return ray.get(getattr(_desk(stage.desk), question).remote(*arguments))
    except RayTaskError as error:
        raise error.cause from error


@lru_cache(maxsize=1)
def _desk(name: str) -> Any:
    """Return an actor by its name; the head is asked for it once."""
    return ray.get_actor(name)


def _blind(found: str) -> UsageError:
    return UsageError(
        "with --stage, the node on the driver's machine reads and writes the driver's files, found "
        f"that {found}: start the command where that node's folders are, and as the same user"
    )
