"""The checkpoint files of one trial: its newest epoch, the one before it, and its best epoch.

A trial goes on from its newest readable epoch, so that a checkpoint that was damaged costs one
epoch and not the trial. The best one is a second name of the newest file at that moment: nothing
is written twice. Every file holds the results of all epochs up to its own, because the search may
have died before it heard of the last one.
"""

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from models.checkpoint import load_checkpoint, save_checkpoint
from models.epoch_result import EpochResult
from models.errors import ModelError
from models.training import TrainingSession
from tune.journal_file import FULL
from tune.trial import TrialSpec


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
        self.results: list[EpochResult] = []

    def restore(self, session: TrainingSession) -> list[str]:
        """Bring a new session to the newest readable epoch; `results` are its epochs then.

        Returns:
            A sentence for each file that could not be used.
        """
        notes = []
        for path in (
            [] if self._best is None else [newest_file(self._best), previous_file(self._best)]
        ):
            if not path.exists():
                continue
            try:
                self._restore_from(path, session)
            except ModelError as error:
                notes.append(f"checkpoint {path.name} cannot be used ({error})")
            else:
                break
        if session.epoch < self._spec.known_epochs:
            notes.append(f"the trial repeats its epochs from {session.epoch + 1} on")
        return notes

    def save(self, session: TrainingSession, result: EpochResult) -> str | None:
        """Save the session after an epoch.

        Returns:
            None, or a sentence if there was no space: training goes on, the last files stand.
        """
        before_db = max((epoch.val_psnr_db for epoch in self.results), default=float("-inf"))
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
            if result.val_psnr_db > before_db:
                _copy(newest, self._best)
        except OSError as error:
            if error.errno not in FULL:
                raise
            return f"no space left for checkpoint {newest.name}: training goes on without it"
        return None

    def _restore_from(self, path: Path, session: TrainingSession) -> None:
        checkpoint = load_checkpoint(path)
        metadata = checkpoint.metadata
        if metadata.get("trial") != self._spec.name or checkpoint.model_config != self._spec.model:
            raise ModelError(f"it belongs to {metadata.get('trial')}")
        session.load_state_dict(checkpoint.state)
        self.results = [EpochResult(**epoch) for epoch in metadata["epochs"]]

    def _metadata(self, result: EpochResult) -> dict[str, Any]:
        data = self._spec.data
        return {
            "trial": self._spec.name,
            "epoch": result.epoch,
            "val_psnr_db": result.val_psnr_db,
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
    """Remove what only a trial that goes on needs."""
    for path in (newest_file(best), previous_file(best), newest_file(best).with_suffix(".draft")):
        path.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Give a file a second name, atomically; copy it where the file system has no second names."""
    draft = target.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError as error:
        if error.errno in FULL:
            raise
        shutil.copyfile(source, draft)
    draft.replace(target)
