"""The checkpoint files of one trial: its newest epoch, the one before it, and its best epoch.

A trial continues from its newest readable epoch, so that a checkpoint that was damaged costs one
epoch and not the trial. Every file holds the results of all epochs up to its own, because the
search may have died before the last one was reported. Only the newest attempt at a trial writes
them (`lease`).

Whether an epoch becomes the best file is decided against the score that lies in that file, never
against the scores that are known: a full disk or a kill may have kept the best epoch out of it.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from models.errors import ModelError
from models.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.training.epoch_result import EpochResult
from models.training.objective import OBJECTIVES
from models.training.session import TrainingSession
from tune.errors import is_disk_full
from tune.trial.checkpoint_files import (
    newest_draft,
    newest_file,
    place_best,
    place_newest,
    previous_file,
)
from tune.trial.lease import check_lease, take_lease
from tune.trial.spec import TrialSpec


class CheckpointStore(Protocol):
    """Where the training loop keeps a trial between epochs."""

    @property
    def results(self) -> list[EpochResult]:
        """The epochs so far, those of earlier sessions included."""

    def restore(self, session: TrainingSession) -> list[str]:
        """Begin the attempt and bring a new session to the newest epoch; return what to say.

        Raises:
            LeaseLostError: If a newer attempt has begun.
        """

    def save(self, session: TrainingSession, result: EpochResult) -> str | None:
        """Save the session after an epoch; return what to say, None if it is saved.

        Raises:
            LeaseLostError: If a newer attempt has begun; nothing is written.
        """

    def check(self) -> None:
        """Go on only while the attempt is the newest.

        Raises:
            LeaseLostError: If it is not.
        """


class TrialCheckpoints:
    """Saves and restores one trial; without a file in its specification it does nothing.

    Attributes:
        results: The epochs so far, those of earlier sessions included.
        kept_score: Score of the weights in the best file; minus infinity where there is none.

    Args:
        spec: The trial.
    """

    def __init__(self, spec: TrialSpec) -> None:
        self._spec = spec
        self._best = None if spec.checkpoint is None else Path(spec.checkpoint)
        self._objective = OBJECTIVES[spec.train.objective]
        self.kept_score = float("-inf")
        self._has_lease = False
        self.results: list[EpochResult] = []

    def restore(self, session: TrainingSession) -> list[str]:
        """Bring a new session to the newest readable epoch; `results` are its epochs then.

        Returns:
            A sentence for each file that could not be used.

        Raises:
            LeaseLostError: If a newer attempt has begun.
        """
        notes = [] if self._best is None else self._restore_files(self._best, session)
        if session.epoch < self._spec.known_epochs:
            notes.append(f"the trial repeats its epochs from {session.epoch + 1} on")
        return notes

    def save(self, session: TrainingSession, result: EpochResult) -> str | None:
        """Save the session after an epoch.

        Returns:
            None, or a sentence if there was no space: training continues, the last files stand.

        Raises:
            LeaseLostError: If a newer attempt has begun; the files are as that one left them.
        """
        self.results.append(result)
        if self._best is None:
            return None
        score = self.score_of(result)
        is_best = score > self.kept_score
        attempt = self._spec.attempt
        try:
            self._take_lease(self._best)
            save_checkpoint(newest_draft(self._best, attempt), session, self._metadata(result))
            place_newest(self._best, attempt, is_best)
        except OSError as error:
            if not is_disk_full(error):
                self.check()  # whatever fails for an outdated attempt, fails because it is one
                raise
            name, best = newest_file(self._best).name, ", its best epoch so far" if is_best else ""
            return f"no space left for checkpoint {name}{best}: training continues without it"
        if is_best:
            self.kept_score = score
        return None

    def score_of(self, result: EpochResult) -> float:
        """Return the score of an epoch by the trial's objective."""
        return self._objective.of(result)

    def check(self) -> None:
        """Go on only while this attempt is the newest.

        Raises:
            LeaseLostError: If it is not.
        """
        if self._best is not None and self._has_lease:
            check_lease(self._best, self._spec.attempt)

    def _take_lease(self, best: Path) -> None:
        """Take the lease; once, and again with every epoch while there is no space for it."""
        if not self._has_lease:
            take_lease(best, self._spec.attempt)
            self._has_lease = True

    def _restore_files(self, best: Path, session: TrainingSession) -> list[str]:
        notes = []
        try:
            self._take_lease(best)
        except OSError as error:
            if not is_disk_full(error):
                raise
            notes.append(f"no space left beside checkpoint {best.name}: training begins without")
        restored = None
        for path in (newest_file(best), previous_file(best)):
            if not path.exists():
                continue
            try:
                checkpoint = self._load(path)
            except ModelError as error:
                notes.append(_unusable(path, error))
                continue
            session.load_state_dict(checkpoint.state)
            self.results = [EpochResult(**epoch) for epoch in checkpoint.metadata["epochs"]]
            restored = path
            break
        try:
            self.kept_score = self._score_in(best)
        except ModelError as error:
            notes.append(_unusable(best, error))
        if restored is not None:
            notes += self._mend_best(restored, best)
        return notes

    def _mend_best(self, restored: Path, best: Path) -> list[str]:
        """Do what a writer was killed before; return a sentence if the best weights are lost."""
        try:
            self._keep_if_best(restored, best)
        except OSError as error:
            if not is_disk_full(error):
                raise
            return [f"no space left for checkpoint {best.name}: training continues without it"]
        top = max(self.results, key=self._objective.of)
        is_lost = self._objective.of(top) > self.kept_score
        return [f"the weights of its best epoch so far, {top.epoch}, are lost"] if is_lost else []

    def _keep_if_best(self, path: Path, best: Path) -> None:
        """Make the file of the last epoch the best file, if it scores above what is in that."""
        score = self._objective.of(self.results[-1])
        if score > self.kept_score:
            self._take_lease(best)
            place_best(path, best, self._spec.attempt)
            self.kept_score = score

    def _score_in(self, best: Path) -> float:
        """Return the score of the weights in the best file; minus infinity where there is none."""
        if not best.exists():
            return float("-inf")
        return float(self._load(best).metadata[self._objective.column])

    def _load(self, path: Path) -> Checkpoint:
        checkpoint = load_checkpoint(path)
        owner = checkpoint.metadata.get("trial")
        if owner != self._spec.name or checkpoint.model_config != self._spec.model:
            raise ModelError(f"it belongs to {owner}")
        return checkpoint

    def _metadata(self, result: EpochResult) -> dict[str, Any]:
        data = self._spec.data
        return {
            "trial": self._spec.name,
            "epoch": result.epoch,
            "val_psnr_db": result.val_psnr_db,
            self._objective.column: self._objective.of(result),
            "corpus_fingerprint": data.corpus_fingerprint,
            "split_fingerprint": data.split_fingerprint,
            "epochs": [asdict(epoch) for epoch in self.results],
        }


def _unusable(path: Path, error: ModelError) -> str:
    return f"checkpoint {path.name} cannot be used ({error})"
