"""The KLT that linear paths start from: fitted once per corpus and split, and kept beside it."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from data.dataset import Corpus
from models.training.linear_start import LinearStart
from tune.trial.linear_start import linear_start

SPLIT = "a" * 16
KEPT = f"klt_{SPLIT}.npz"


@pytest.fixture
def corpus(tiny_corpus, tmp_path) -> Path:
    """A copy of a corpus that nothing was fitted on."""
    ignored = shutil.ignore_patterns("klt_*")
    return Path(shutil.copytree(tiny_corpus, tmp_path / "corpus", ignore=ignored))


def start_of(folder: Path, split_fingerprint: str = SPLIT) -> LinearStart:
    """What a process gets that has just begun."""
    linear_start.cache_clear()
    return linear_start(folder, split_fingerprint)


def assert_equal(first: LinearStart, second: LinearStart) -> None:
    arrays = second.to_arrays()
    for name, array in first.to_arrays().items():
        np.testing.assert_array_equal(array, arrays[name])


def test_it_is_fitted_on_the_blocks_of_the_training_patches(corpus):
    train = Corpus.open(corpus).patches("train")
    blocks = train.read(np.arange(len(train))).reshape(-1, 4, 16, 4, 16).swapaxes(2, 3)
    start = start_of(corpus)
    assert start.num_blocks == len(train) * 16
    np.testing.assert_allclose(start.mean, blocks.reshape(-1, 256).mean(0), atol=1e-6)
    np.testing.assert_allclose(start.basis @ start.basis.T, np.eye(256), atol=1e-9)


def test_what_was_kept_equals_what_was_fitted(corpus, monkeypatch):
    fitted = start_of(corpus)
    monkeypatch.setattr("tune.trial.linear_start._fit", pytest.fail)
    assert_equal(start_of(corpus), fitted)


def test_a_process_reads_it_once(corpus):
    first = start_of(corpus)
    (corpus / KEPT).unlink()
    assert linear_start(corpus, SPLIT) is first


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    path.write_text("no arrays")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def leave_out_an_array(path: Path) -> None:
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays if name != "basis"}
    np.savez(path, **kept)


@pytest.mark.parametrize("damage", [cut_short, empty, overwrite, flip_a_bit, leave_out_an_array])
def test_a_damaged_file_is_fitted_anew_and_replaced(damage, corpus):
    fitted = start_of(corpus)
    whole = (corpus / KEPT).read_bytes()
    damage(corpus / KEPT)
    assert_equal(start_of(corpus), fitted)
    with np.load(corpus / KEPT) as arrays:
        assert_equal(LinearStart.from_arrays(arrays), fitted)
    assert len((corpus / KEPT).read_bytes()) == len(whole)


def refuse(*_: object, **__: object) -> None:
    raise PermissionError("Read-only file system")


@pytest.mark.parametrize("refused", ["tempfile.mkstemp", "numpy.savez"])
def test_a_corpus_that_cannot_be_written_gets_no_file_and_no_draft(refused, corpus, monkeypatch):
    before = sorted(corpus.rglob("*"))
    with monkeypatch.context() as patch:
        patch.setattr(refused, refuse)  # root may write everywhere
        fitted = start_of(corpus)
    assert sorted(corpus.rglob("*")) == before
    assert_equal(start_of(corpus), fitted)


def test_another_split_has_a_file_of_its_own(corpus):
    start_of(corpus)
    start_of(corpus, "b" * 16)
    assert [path.name for path in sorted(corpus.glob("klt_*"))] == [KEPT, f"klt_{'b' * 16}.npz"]
