"""Checkpoints of a trial whose node does not see the study's folder: they travel to the driver.

The worker keeps its files in a scratch folder of its node and delivers each epoch's checkpoint; the
driver keeps it as the worker would where both see the folder (`tune.storage.deliveries`). A new
attempt, on any node, fetches what was kept. How bytes travel is the engine's.
"""

import hashlib
import shutil
import weakref
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from models.training.epoch_result import EpochResult
from models.training.session import TrainingSession
from tune.trial.checkpoint_files import newest_file, previous_file
from tune.trial.checkpoints import TrialCheckpoints
from tune.trial.lease import lost_lease
from tune.trial.passing_folder import OF_TRIAL, make_passing_folder
from tune.trial.spec import TrialSpec

TIMES = 2
"""Times that a checkpoint is sent, until it arrives whole."""


class Receipt(StrEnum):
    """What the driver did with a checkpoint."""

    KEPT = "kept"
    OUTDATED = "a newer attempt has begun, or the trial is over"
    DAMAGED = "it arrived damaged"
    NO_SPACE = "no space left on the driver"


@dataclass(frozen=True)
class Delivery:
    """The checkpoint of one epoch, on its way.

    Attributes:
        name: Name of the trial's best file.
        attempt: Number of the attempt that made it.
        is_best: Whether it becomes the best file, too.
        content: Of the file.
        sha256: Of the content, as hex digits.
    """

    name: str
    attempt: int
    is_best: bool
    content: bytes
    sha256: str

    @classmethod
    def of(cls, name: str, attempt: int, is_best: bool, content: bytes) -> "Delivery":
        """Return the delivery of a file."""
        return cls(name, attempt, is_best, content, hashlib.sha256(content).hexdigest())

    @property
    def is_whole(self) -> bool:
        """Whether it is what was sent."""
        return hashlib.sha256(self.content).hexdigest() == self.sha256


class CheckpointDesk(Protocol):
    """What a worker asks of the driver; names are those of files in the checkpoints folder."""

    def begin(self, name: str, attempt: int) -> bool:
        """Take the lease of a trial; return whether no newer attempt has it."""

    def holds(self, name: str, attempt: int) -> bool:
        """Return whether an attempt is still the newest."""

    def fetch(self, name: str) -> bytes | None:
        """Return a file; None where there is none."""

    def deliver(self, delivery: Delivery) -> Receipt:
        """Keep a checkpoint."""


class DeliveredCheckpoints:
    """Saves a trial in a scratch folder and at the driver; see `tune.trial.checkpoints`.

    Attributes:
        results: The epochs so far, those of earlier attempts included.

    Args:
        spec: The trial; the folder of its checkpoint is the driver's.
        scratch: An existing folder of this node.
        desk: The driver.
    """

    def __init__(self, spec: TrialSpec, scratch: Path, desk: CheckpointDesk) -> None:
        assert spec.checkpoint is not None
        folder = make_passing_folder(scratch, OF_TRIAL)
        self._attempt, self._desk = spec.attempt, desk
        self._best = folder / Path(spec.checkpoint).name
        self._near = TrialCheckpoints(replace(spec, checkpoint=str(self._best)))
        self._delivered_score = float("-inf")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    @property
    def results(self) -> list[EpochResult]:
        """The epochs so far, those of earlier attempts included."""
        return self._near.results

    def restore(self, session: TrainingSession) -> list[str]:
        """Fetch what the driver has, and bring a new session to its newest readable epoch.

        Returns:
            A sentence for each file that could not be used.

        Raises:
            LeaseLostError: If a newer attempt has begun.
        """
        if not self._desk.begin(self._best.name, self._attempt):
            raise lost_lease(self._best, self._attempt)
        for path in (newest_file(self._best), previous_file(self._best), self._best):
            if (content := self._desk.fetch(path.name)) is not None:
                path.write_bytes(content)
        fetched = self._best.read_bytes() if self._best.exists() else b""
        notes = self._near.restore(session)
        self._delivered_score = self._near.kept_score
        if self._best.exists() and self._best.read_bytes() != fetched:  # mended: the driver's too
            note = self._deliver(self._best, self._near.kept_score, is_best=True)
            notes += [] if note is None else [note]
        return notes

    def save(self, session: TrainingSession, result: EpochResult) -> str | None:
        """Save the session after an epoch, here and at the driver.

        Returns:
            None, or a sentence if it was not kept: training continues, the last files stand.

        Raises:
            LeaseLostError: If a newer attempt has begun; the driver's files are as that left them.
        """
        note = self._near.save(session, result)
        if note is not None:
            return note
        score = self._near.score_of(result)
        return self._deliver(newest_file(self._best), score, score > self._delivered_score)

    def check(self) -> None:
        """Go on only while this attempt is the newest.

        Raises:
            LeaseLostError: If it is not.
        """
        if not self._desk.holds(self._best.name, self._attempt):
            raise lost_lease(self._best, self._attempt)

    def _deliver(self, path: Path, score: float, is_best: bool) -> str | None:
        """Send a file until it arrives whole; return a sentence if it was not kept."""
        delivery = Delivery.of(self._best.name, self._attempt, is_best, path.read_bytes())
        for _ in range(TIMES):
            receipt = self._desk.deliver(delivery)
            if receipt is not Receipt.DAMAGED:
                break
        if receipt is Receipt.OUTDATED:
            raise lost_lease(self._best, self._attempt)
        if receipt is Receipt.KEPT:
            if is_best:
                self._delivered_score = score
            return None
        epoch = "best" if is_best else "newest"
        return (
            f"the checkpoint of its {epoch} epoch was not kept by the driver ({receipt}): "
            "training continues without it"
        )
