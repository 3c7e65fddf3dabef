"""Scores of promoted runs on the test split: touched once, when every choice has been made.

Each completed run is scored without a quantiser and at real bytes, image by image. The table is the
store: a run that is in it is not scored again, so an interrupted evaluation is resumed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.coding.latent_codec import LatentCoder
from tune.evaluation.coding import decode_from_bytes, decode_unquantised, fit_coders
from tune.evaluation.images import ImageSet
from tune.evaluation.run_model import load_run
from tune.evaluation.scores import image_facts, score_rows
from tune.storage.folder import StudyFolder
from tune.storage.run_rows import run_identity
from tune.tables.files import read_readable_tables, write_table
from tune.trial.record import TrialRecord
from tune.trial.spec import TrialSpec


class HoldoutScores:
    """The `test` table of one promotion.

    Attributes:
        images: The frozen test images.

    Args:
        folder: The promotion's.
        corpus_columns: Which corpus, in every row.
        train: Training images that entropy coders are fitted on.
        val: Validation images that quantiser steps are chosen on.
        images: The frozen test images.
    """

    def __init__(
        self,
        folder: StudyFolder,
        corpus_columns: Mapping[str, Any],
        train: ImageSet,
        val: ImageSet,
        images: ImageSet,
    ) -> None:
        self.images = images
        self._folder = folder
        self._corpus = corpus_columns
        self._train, self._val = (torch.from_numpy(one.pixels) for one in (train, val))
        self._facts = image_facts(images)
        known, _ = read_readable_tables(folder.path.parent, "test", folder.name)
        self._rows: list[Mapping[Any, Any]] = [*known.to_dict("records")]
        self._known = set(known["run"])

    def add(self, record: TrialRecord) -> bool:
        """Score a completed run and write the table; return whether it was news.

        Raises:
            ModelError, UsageError: If its checkpoint cannot be used.
        """
        spec = record.spec
        if spec.name in self._known:
            return False
        run, x = load_run(record), torch.from_numpy(self.images.pixels)
        coders = fit_coders(run, self._train, self._val)
        save_coders(coder_file(spec), coders)
        identity = run_identity(spec) | dict(self._corpus)
        decoded = [decode_unquantised(run, x), *decode_from_bytes(run, coders, x)]
        self._rows += [
            identity | row for one in decoded for row in score_rows(self.images, self._facts, one)
        ]
        write_table(self._folder.tables, "test", [_without_nan(row) for row in self._rows])
        self._known.add(spec.name)
        return True


def coder_file(spec: TrialSpec) -> Path:
    """Return where the entropy coders of a run lie: beside its checkpoint, a part of the model."""
    assert spec.checkpoint is not None
    return Path(spec.checkpoint).with_suffix(".coders.npz")


def save_coders(path: Path, coders: list[LatentCoder]) -> None:
    """Write coders as plain arrays, finest step first, atomically."""
    arrays = {
        f"{position}/{name}": array
        for position, coder in enumerate(coders)
        for name, array in coder.to_arrays().items()
    }
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub knows one keyword only
    draft.replace(path)


def load_coders(path: Path) -> list[LatentCoder]:
    """Read what `save_coders` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        by_coder: dict[int, dict[str, Any]] = {}
        for key in arrays.files:
            position, _, name = key.partition("/")
            by_coder.setdefault(int(position), {})[name] = arrays[key]
    return [LatentCoder.from_arrays(by_coder[position]) for position in sorted(by_coder)]


def _without_nan(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row as it was written: a missing number is read back as NaN."""
    return {
        str(name): None if isinstance(value, float) and np.isnan(value) else value
        for name, value in row.items()
    }
