"""What travels between driver and nodes, with the desk at hand instead of across a network."""

import gc
from dataclasses import replace
from pathlib import Path

import pytest

from data.dataset import Corpus
from models.registry import ModelConfig
from models.training.checkpoint import load_checkpoint
from models.training.config import TrainConfig
from tune.engine import staged_trial, staging
from tune.engine.node import Question, greet
from tune.engine.staged_trial import run_staged
from tune.engine.staging import Desk, Stage, copy_corpus
from tune.errors import UsageError
from tune.storage.stage import staged_folder
from tune.trial.checkpoint_files import newest_file
from tune.trial.run import run_trial
from tune.trial.spec import DataSpec, TrialSpec

RESOURCES = {"CPU": 1.0, "memory": 2**30}


@pytest.fixture(autouse=True)
def desk(monkeypatch) -> Desk:
    """The driver's desk; a question is a call."""
    desk = Desk()

    def ask(stage: Stage, question: str, *arguments: object) -> object:
        assert stage.desk == "desk"
        return getattr(desk, question)(*arguments)

    monkeypatch.setattr(staging, "ask_desk", ask)
    monkeypatch.setattr(staged_trial, "ask_desk", ask)
    return desk


@pytest.fixture
def stage(tmp_path) -> Stage:
    return Stage("desk", str(tmp_path / "scratch"))


@pytest.fixture
def scratch(stage) -> Path:
    return Path(stage.scratch)


@pytest.fixture
def far_spec(tiny_corpus, tmp_path) -> TrialSpec:
    """A trial whose corpus folder is another one on its node."""
    info = Corpus.open(tiny_corpus).info
    prints = (info.fingerprint, info.split_fingerprint)
    (tmp_path / "checkpoints").mkdir()
    return TrialSpec(
        study="study",
        number=3,
        model=ModelConfig("baseline", 16, 4),
        train=TrainConfig(epochs=3, warmup_epochs=1, learning_rate=3e-3, batch_size=8),
        data=DataSpec(str(tmp_path / "elsewhere"), 32, 0.5, 4, 5, *prints),
        device="cpu",
        proposed_by="searcher",
        checkpoint=str(tmp_path / "checkpoints" / "study_t003.pt"),
        attempt=1,
    )


def question(spec: TrialSpec, scratch: str) -> Question:
    data = spec.data
    prints = (data.corpus_fingerprint, data.split_fingerprint)
    return Question(None, data.corpus, *prints, driver="lab-1", scratch=scratch)


def scores(spec: TrialSpec, results) -> list[tuple[int, float, float]]:
    return [(one.epoch, one.train_loss, one.val_psnr_db) for one in results]


def test_a_node_lacks_the_corpus_until_it_is_copied_and_once_is_enough(
    far_spec, stage, tiny_corpus, desk, monkeypatch
):
    assert greet("abc", RESOURCES, question(far_spec, stage.scratch)).lacks_corpus
    assert copy_corpus(stage, str(tiny_corpus)) is None
    greeting = greet("abc", RESOURCES, question(far_spec, stage.scratch))
    assert not greeting.lacks_corpus
    assert greeting.corpus_fault is None
    monkeypatch.setattr(desk, "read_part", None)
    assert copy_corpus(stage, str(tiny_corpus)) is None


def test_a_node_that_sees_the_corpus_is_sent_none(far_spec, stage, tiny_corpus):
    seen = replace(far_spec, data=replace(far_spec.data, corpus=str(tiny_corpus)))
    assert not greet("abc", RESOURCES, question(seen, stage.scratch)).lacks_corpus


def test_a_node_whose_scratch_folder_cannot_be_written_says_so(far_spec, tmp_path):
    (tmp_path / "file").touch()
    greeting = greet("abc", RESOURCES, question(far_spec, str(tmp_path / "file")))
    assert "scratch folder must be writable, found" in greeting.corpus_fault


def test_a_corpus_that_the_driver_has_no_more_is_a_sentence(stage, tmp_path):
    fault = copy_corpus(stage, str(tmp_path / "nothing"))
    assert str(tmp_path / "nothing") in fault


def test_the_driver_reads_its_corpus_once_for_all_nodes(desk, tiny_corpus, monkeypatch):
    listed = desk.list_corpus(str(tiny_corpus))
    monkeypatch.setattr(staging, "list_corpus", None)
    assert desk.list_corpus(str(tiny_corpus)) is listed


@pytest.mark.slow
def test_a_staged_trial_learns_what_any_other_does_and_every_epoch_is_delivered_first(
    far_spec, stage, tiny_corpus, scratch, tmp_path
):
    copy_corpus(stage, str(tiny_corpus))
    best = Path(far_spec.checkpoint)
    found = []
    for result in run_staged(far_spec, stage, print):
        assert load_checkpoint(newest_file(best)).metadata["epoch"] == result.epoch
        found.append(result)
    near = replace(
        far_spec,
        checkpoint=str(tmp_path / "near.pt"),
        data=replace(far_spec.data, corpus=str(tiny_corpus)),
    )
    assert scores(far_spec, found) == scores(near, run_trial(near, print))
    weights, others = (load_checkpoint(path).state["model"] for path in (best, near.checkpoint))
    assert {name: one.numpy().tobytes() for name, one in weights.items()} == {
        name: one.numpy().tobytes() for name, one in others.items()
    }


@pytest.mark.slow
def test_a_trial_goes_on_elsewhere_from_what_was_delivered(far_spec, stage, tiny_corpus, tmp_path):
    copy_corpus(stage, str(tiny_corpus))
    first = run_staged(far_spec, stage, print)
    assert [next(first).epoch, next(first).epoch] == [1, 2]
    other = Stage("desk", str(tmp_path / "other"))
    copy_corpus(other, str(tiny_corpus))
    again = replace(far_spec, attempt=2, known_epochs=1)
    # The second epoch was delivered and not reported: it is not trained again.
    assert [one.epoch for one in run_staged(again, other, print)] == [2, 3]


@pytest.mark.slow
def test_nothing_but_the_corpus_stays_on_a_node(far_spec, stage, tiny_corpus, scratch):
    copy_corpus(stage, str(tiny_corpus))
    training = run_staged(far_spec, stage, print)
    next(training)
    assert list(scratch.glob(".sar_tune_trial_*")) != []
    del training  # a trial that is stopped
    gc.collect()
    assert [path.name for path in scratch.iterdir()] == ["sar-tune-corpora"]


def test_a_corpus_that_was_removed_from_a_node_is_named(far_spec, stage, tiny_corpus, scratch):
    copy_corpus(stage, str(tiny_corpus))
    staged_folder(scratch, far_spec.data.corpus_fingerprint).rename(scratch / "moved")
    with pytest.raises(UsageError, match="must keep the corpus that it was sent, found none in"):
        next(run_staged(far_spec, stage, print))
