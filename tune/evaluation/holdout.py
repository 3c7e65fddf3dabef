"""Scores of promoted runs on the test split: touched once, when every choice has been made.

Each completed run is scored without a quantiser and at real bytes, image by image. The table is the
store: a run that is in it is not scored again, so an interrupted evaluation is resumed.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.coding.latent_codec import LatentCoder
from tune.evaluation.coding import decode_from_bytes, decode_unquantised, fit_coders
from tune.evaluation.coding_at_rate import ScaledCoder, fit_coders_around_rate
from tune.evaluation.images import ImageSet
from tune.evaluation.run_model import RunModel, load_run
from tune.evaluation.scores import DecodedSet, image_facts, score_rows
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
        target_bpp: The rate that runs are scored at and beside; None sweeps their steps.
    """

    def __init__(
        self,
        folder: StudyFolder,
        corpus_columns: Mapping[str, Any],
        train: ImageSet,
        val: ImageSet,
        images: ImageSet,
        target_bpp: float | None,
    ) -> None:
        self.images = images
        self._folder = folder
        self._corpus = corpus_columns
        self._target_bpp = target_bpp
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
        coders = self._coders(run)
        save_coders(coder_file(spec), [one.coder for one in coders])
        identity = run_identity(spec) | dict(self._corpus)
        plain = self._set_rows(decode_unquantised(run, x), None)
        self._rows += [identity | row for row in plain]
        decoded = decode_from_bytes(run, [one.coder for one in coders], x)
        for one, images in zip(coders, decoded, strict=True):
            self._rows += [identity | row for row in self._set_rows(images, one.step_scale)]
        write_table(self._folder.tables, "test", [_without_nan(row) for row in self._rows])
        self._known.add(spec.name)
        return True

    def _coders(self, run: RunModel) -> list[ScaledCoder]:
        """Return the coders that a run is scored with: around its target rate, or a sweep."""
        if self._target_bpp is not None:
            return fit_coders_around_rate(run, self._train, self._val, self._target_bpp)
        return [ScaledCoder(None, coder) for coder in fit_coders(run, self._train, self._val)]

    def _set_rows(self, decoded: DecodedSet, step_scale: float | None) -> Iterator[dict[str, Any]]:
        rows = score_rows(self.images, self._facts, decoded)
        estimates: Sequence[float | None] = decoded.estimates_bpp or [None] * len(self.images)
        for row, estimate_bpp in zip(rows, estimates, strict=True):
            yield {
                **row,
                "rate_target_bpp": self._target_bpp,
                "step_scale": step_scale,
                "estimate_bpp": estimate_bpp,
            }


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
