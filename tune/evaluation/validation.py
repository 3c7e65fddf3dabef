"""Validation PSNR per image of every finished run: what races and verdicts compare.

The table is the store: a run that is in it is not scored again. What is missing or cannot be read
is made again from the runs' checkpoints, so nothing depends on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.metrics.reconstruction import psnr_db
from tune.card.child import run_in_child
from tune.evaluation.coding_at_rate import psnr_at_rate
from tune.evaluation.images import ImageSet
from tune.evaluation.run_model import LostWeightsError, load_run
from tune.storage.folder import StudyFolder
from tune.storage.run_rows import run_identity
from tune.tables.files import read_readable_tables, write_table
from tune.trial.record import TrialRecord


@dataclass(frozen=True)
class ScoringImages:
    """What runs are scored on.

    Attributes:
        val: The validation images.
        train: Training images for the tables of coders.
        target_bpp: The rate that runs are scored at; None scores them unquantised.
    """

    val: ImageSet
    train: ImageSet
    target_bpp: float | None


class ValidationScores:
    """The `validation` table of one promotion.

    Args:
        folder: The promotion's.
        read: Reads the images, when they are first needed.
        say: Told, in words, of a run that cannot be scored.
    """

    def __init__(
        self, folder: StudyFolder, read: Callable[[], ScoringImages], say: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._read = read
        self._say = say
        self._lost: set[str] = set()
        self._images: ScoringImages | None = None
        known, _ = read_readable_tables(folder.path.parent, "validation", folder.name)
        self._rows: list[Mapping[Any, Any]] = [*known.to_dict("records")]
        self._scores = {
            str(run): rows["psnr_db"].to_numpy(np.float64) for run, rows in known.groupby("run")
        }

    def of(self, record: TrialRecord) -> NDArray[np.float64] | None:
        """Return the PSNR of a completed run's reconstructions in dB, by image in frozen order.

        None where the weights of its best epoch were lost, which is said once: neither races nor
        verdicts take other weights for them.

        Raises:
            ModelError, UsageError: If it is not in the table and its checkpoint cannot be used.
        """
        spec = record.spec
        if spec.name in self._lost:
            return None
        if spec.name not in self._scores:
            if self._images is None:
                self._images = self._read()
            images = self._images
            on_cpu = spec.device == "cpu"
            try:
                scores = (
                    score_run(record, images) if on_cpu else run_in_child(score_run, record, images)
                )
            except LostWeightsError as error:
                self._lost.add(spec.name)
                self._say(f"{spec.short_name} is left out: {error}")
                return None
            self._scores[spec.name] = scores
            self._rows += [
                run_identity(spec) | {"image": image, "psnr_db": float(score)}
                for image, score in zip(self._images.val.names, scores, strict=True)
            ]
            write_table(self._folder.tables, "validation", self._rows)
        return self._scores[spec.name]


def score_run(record: TrialRecord, images: ScoringImages) -> NDArray[np.float64]:
    """Return the PSNR of a run's reconstructions of the validation images in dB, by image."""
    x, run = torch.from_numpy(images.val.pixels), load_run(record)
    if images.target_bpp is not None:
        train = torch.from_numpy(images.train.pixels)
        return psnr_at_rate(run, train, x, images.target_bpp)
    return psnr_db(run.decode(run.encode(x)), x).double().numpy()
