from dataclasses import replace

import pytest
import torch

from models.errors import ModelError
from models.registry import ModelConfig
from models.training.checkpoint import load_checkpoint, save_checkpoint
from models.training.config import TrainConfig
from models.training.loop import train_epochs
from models.training.probe import NoiseBatches
from models.training.session import TrainingSession

BATCHES = NoiseBatches(crop_px=16, batch_size=2)
MODEL = ModelConfig("baseline", ratio=64, base_channels=4)
CONFIG = TrainConfig(epochs=3, warmup_epochs=1, batch_size=2)
METADATA = {"split_fingerprint": "0123456789abcdef", "psnr_db": 12.5, "tags": ["a"]}


def make_session() -> TrainingSession:
    return TrainingSession(MODEL, CONFIG, BATCHES, BATCHES)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "last.pt"


def test_a_run_continued_from_a_file_equals_the_uninterrupted_one(path):
    session = make_session()
    epochs = train_epochs(session)
    next(epochs)
    save_checkpoint(path, session, METADATA)
    expected = [(r.train_loss, r.val_psnr_db) for r in epochs]
    resumed = make_session()
    resumed.load_state_dict(load_checkpoint(path).state)
    assert [(r.train_loss, r.val_psnr_db) for r in train_epochs(resumed)] == expected


def test_configurations_and_metadata_come_back_as_they_were(path):
    save_checkpoint(path, make_session(), METADATA)
    checkpoint = load_checkpoint(path)
    assert checkpoint.model_config == MODEL
    assert checkpoint.train_config == CONFIG
    assert checkpoint.metadata == METADATA


def test_saving_leaves_one_file_and_replaces_the_older_one(path):
    session = make_session()
    save_checkpoint(path, session, {"turn": 1})
    save_checkpoint(path, session, {"turn": 2})
    assert [p.name for p in path.parent.iterdir()] == ["last.pt"]
    assert load_checkpoint(path).metadata == {"turn": 2}


def test_a_failed_save_keeps_the_older_checkpoint_and_leaves_no_scrap(path, monkeypatch):
    session = make_session()
    save_checkpoint(path, session, {"turn": 1})

    def fail(content, file):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, session, {"turn": 2})
    assert [p.name for p in path.parent.iterdir()] == ["last.pt"]
    monkeypatch.undo()
    assert load_checkpoint(path).metadata == {"turn": 1}


@pytest.mark.parametrize("keep", [0, 1, 1000])
def test_a_truncated_file_is_refused_in_a_sentence(path, keep):
    save_checkpoint(path, make_session(), METADATA)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"last\.pt cannot be read: take another checkpoint"):
        load_checkpoint(path)


def test_a_missing_file_is_refused_in_a_sentence(path):
    with pytest.raises(ModelError, match=r"no checkpoint at .*last\.pt"):
        load_checkpoint(path)


def test_a_file_that_runs_code_when_unpickled_is_refused(path):
    torch.save({"version": 1, "state": replace}, path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [{"version": 0}, {}, [1]])
def test_another_version_is_refused_by_number(path, content):
    torch.save(content, path)
    with pytest.raises(ModelError, match="must be of version 1"):
        load_checkpoint(path)
