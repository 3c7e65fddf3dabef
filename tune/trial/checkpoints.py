"""The checkpoint files of one trial: its newest epoch, the one before it, and its best epoch.

A trial continues from its newest readable epoch, so that a checkpoint that was damaged costs one
epoch and not the trial. The best one is a second name of the newest file at that moment: nothing
is written twice. Every file holds the results of all epochs up to its own, because the search may
have died before the last one was reported.

Whether an epoch becomes the best file is decided against the score that lies in that file, never
against the scores that are known: a full disk or a kill may have kept the best epoch out of it.
"""

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.errors import ModelError
from models.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.training.epoch_result import EpochResult
from models.training.objective import OBJECTIVES
from models.training.session import TrainingSession
from tune.errors import is_disk_full
from tune.trial.spec import TrialSpec


class TrialCheckpoints:
    """Saves and restores one trial; without a file in its specification it does nothing.

    Attributes:
        results: The epochs so far, those of earlier sessions included.

    Args:
        spec: The trial.
    """

    def __init__(self, spec: TrialSpec) -> None:
        self._spec = spec
        self._best = None if spec.checkpoint is None else Path(spec.checkpoint)
        self._objective = OBJECTIVES[spec.train.objective]
        self._kept_score = float("-inf")
        self.results: list[EpochResult] = []

    def restore(self, session: TrainingSession) -> list[str]:
        """Bring a new session to the newest readable epoch; `results` are its epochs then.

        Returns:
            A sentence for each file that could not be used.
        """
        notes = [] if self._best is None else self._restore_files(self._best, session)
        if session.epoch < self._spec.known_epochs:
            notes.append(f"the trial repeats its epochs from {session.epoch + 1} on")
        return notes

    def save(self, session: TrainingSession, result: EpochResult) -> str | None:
        """Save the session after an epoch.

        Returns:
            None, or a sentence if there was no space: training continues, the last files stand.
        """
        self.results.append(result)
        if self._best is None:
            return None
        newest = newest_file(self._best)
        try:
            draft = newest.with_suffix(".draft")
            save_checkpoint(draft, session, self._metadata(result))
            if newest.exists():
                newest.replace(previous_file(self._best))
            draft.replace(newest)
            self._keep_if_best(newest, self._best)
        except OSError as error:
            if not is_disk_full(error):
                raise
            is_best = self._objective.of(result) > self._kept_score
            best = ", its best epoch so far" if is_best else ""
            return (
                f"no space left for checkpoint {newest.name}{best}: training continues without it"
            )
        return None

    def _restore_files(self, best: Path, session: TrainingSession) -> list[str]:
        notes = []
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
            self._kept_score = self._score_in(best)
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
        is_lost = self._objective.of(top) > self._kept_score
        return [f"the weights of its best epoch so far, {top.epoch}, are lost"] if is_lost else []

    def _keep_if_best(self, path: Path, best: Path) -> None:
        """Make the file of the last epoch the best file, if it scores above what is in that."""
        score = self._objective.of(self.results[-1])
        if score > self._kept_score:
            _copy(path, best)
            self._kept_score = score

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


def newest_file(best: Path) -> Path:
    """Return the file of a trial's newest epoch."""
    return best.with_suffix(".newest.pt")


def previous_file(best: Path) -> Path:
    """Return the file of the epoch before it."""
    return best.with_suffix(".previous.pt")


def drop_resumable(best: Path) -> None:
    """Remove what only a trial that continues needs."""
    for path in (newest_file(best), previous_file(best), newest_file(best).with_suffix(".draft")):
        path.unlink(missing_ok=True)


def _unusable(path: Path, error: ModelError) -> str:
    return f"checkpoint {path.name} cannot be used ({error})"


def _copy(source: Path, target: Path) -> None:
    """Give a file a second name, atomically; copy it where the file system has no second names."""
    draft = target.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError as error:
        if is_disk_full(error):
            raise
        shutil.copyfile(source, draft)
    draft.replace(target)
