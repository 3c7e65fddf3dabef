"""A trial of the tiny corpus that trains in a second."""

from pathlib import Path

import pytest

from data.dataset import Corpus
from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.trial.spec import DataSpec, TrialSpec

EPOCHS = 4


@pytest.fixture(scope="session")
def plan(tiny_corpus: Path) -> TrialSpec:
    """A trial of four epochs with dropout, without a file."""
    info = Corpus.open(tiny_corpus).info
    return TrialSpec(
        study="study",
        number=3,
        model=ModelConfig("baseline", 16, 4, dropout=0.1),
        train=TrainConfig(
            epochs=EPOCHS, warmup_epochs=1, learning_rate=3e-3, batch_size=8, schedule="cosine"
        ),
        data=DataSpec(str(tiny_corpus), 32, 0.5, 4, 5, info.fingerprint, info.split_fingerprint),
        device="cpu",
        proposed_by="searcher",
        attempt=1,
    )
