"""Turns a trial's specification into a training session on its corpus."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tune.config.rules import check_same_corpus
from tune.trial.linear_start import linear_start
from tune.trial.spec import TrialSpec

if TYPE_CHECKING:
    from data.batches import EvalBatches, TrainBatches
    from data.dataset import Corpus
    from models.training.linear_start import LinearStart
    from models.training.session import TrainingSession


def open_data(data: str | None, say: Callable[[str], None]) -> "Corpus":
    """Open the corpus of a search; without one, the synthetic corpus, made on first use.

    Raises:
        DataError: If the corpus is missing, empty, broken or of another version.
    """
    if data is not None:
        return open_corpus(data)
    from data.synthetic import DEFAULT_FOLDER, ensure_synthetic_corpus

    if not DEFAULT_FOLDER.exists():
        say("no --data: making the synthetic corpus, once")
    return open_corpus(str(ensure_synthetic_corpus()))


@lru_cache(maxsize=4)
def open_corpus(path: str) -> "Corpus":
    """Return the corpus at `path`, opened once per process.

    A worker runs many trials on one corpus; a prepared corpus never changes in place.

    Raises:
        DataError: If there is no readable corpus there.
    """
    from data.dataset import Corpus

    return Corpus.open(Path(path))


def open_session(spec: TrialSpec) -> "TrainingSession":
    """Return a training session at epoch 0 for a specification.

    Raises:
        DataError: If the corpus cannot be read or has no patches for the asked split.
        UsageError: If the corpus is not the one that the study was planned on.
        ModelError: If the model cannot be built or the crop does not suit it.
    """
    from models.training.session import TrainingSession

    train, val = open_batches(spec)
    return TrainingSession(spec.model, spec.train, train, val, spec.device, start_of(spec))


def start_of(spec: TrialSpec) -> "LinearStart | None":
    """Return what a trial's linear path starts from; None where it has none."""
    if not spec.model.linear_path:
        return None
    return linear_start(Path(spec.data.corpus), spec.data.split_fingerprint)


def open_batches(spec: TrialSpec) -> "tuple[TrainBatches, EvalBatches]":
    """Return what a trial trains on and what it is scored on.

    Raises:
        DataError: If the corpus cannot be read or has no patches for the asked split.
        UsageError: If the corpus is not the one that the study was planned on.
    """
    from data.batches import EvalBatches, TrainBatches

    corpus = open_corpus(spec.data.corpus)
    check_same_corpus(
        spec.data.corpus_fingerprint,
        spec.data.split_fingerprint,
        corpus.info.stamp,
        spec.data.corpus,
    )
    train = corpus.patches("train", fraction=spec.data.data_fraction, seed=spec.data.seed)
    return (
        TrainBatches(train, spec.data.crop_px, spec.train.batch_size, spec.train.seed),
        EvalBatches(
            corpus.patches("val"), spec.data.crop_px, spec.train.batch_size, spec.data.val_images
        ),
    )
