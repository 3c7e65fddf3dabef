"""Checkpoints that travel to the driver: the same files, whole ones only, of the newest attempt."""

import errno
import gc
import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from models.training.checkpoint import load_checkpoint
from models.training.loop import train_epochs
from tune.storage.deliveries import Deliveries
from tune.trial.checkpoint_files import newest_file, previous_file
from tune.trial.checkpoints import TrialCheckpoints
from tune.trial.delivery import DeliveredCheckpoints, Delivery, Receipt
from tune.trial.lease import LeaseLostError, attempts
from tune.trial.run import run_trial
from tune.trial.session import open_session
from tune.trial.spec import TrialSpec

pytestmark = pytest.mark.slow

EPOCHS = 4


class Desk(Deliveries):
    """The driver at the other end of a network: what passes is copied, and may be spoiled."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.spoil = lambda delivery: delivery
        self.said: list[Receipt] = []

    def deliver(self, delivery: Delivery) -> Receipt:
        receipt = super().deliver(self.spoil(pickle.loads(pickle.dumps(delivery))))
        self.said.append(receipt)
        return receipt


@pytest.fixture
def folder(tmp_path) -> Path:
    """The driver's folder of checkpoints."""
    path = tmp_path / "checkpoints"
    path.mkdir()
    return path


@pytest.fixture
def desk(folder) -> Desk:
    return Desk(folder)


@pytest.fixture
def spec(plan, folder) -> TrialSpec:
    """A trial of a folder that its nodes do not see."""
    return replace(plan, checkpoint=f"/nowhere/{folder.name}/study_t003.pt")


@pytest.fixture
def node(tmp_path):
    """Make the scratch folder of another node."""

    def make(name: str) -> Path:
        scratch = tmp_path / name
        scratch.mkdir()
        return scratch

    return make


def train(spec: TrialSpec, scratch: Path, desk: Desk, num_epochs: int) -> list[str]:
    """Go on with a trial for some epochs on a node, and leave it; return what was said."""
    store, session = DeliveredCheckpoints(spec, scratch, desk), open_session(spec)
    said = store.restore(session)
    for result, _ in zip(train_epochs(session), range(num_epochs), strict=False):
        said += filter(None, [store.save(session, result)])
    return said


def learnt(path: Path) -> tuple:
    """What a checkpoint holds that does not depend on the clock, as bytes and numbers."""
    checkpoint = load_checkpoint(path)
    epochs = checkpoint.metadata["epochs"]
    numbers = [(epoch["train_loss"], epoch["val_psnr_db"]) for epoch in epochs]
    weights = [tensor.numpy().tobytes() for tensor in checkpoint.state["model"].values()]
    return checkpoint.metadata["epoch"], numbers, weights


@pytest.fixture(scope="module")
def whole(plan, tmp_path_factory) -> Path:
    """The best file of an undisturbed training in a folder that is seen."""
    path = tmp_path_factory.mktemp("whole") / "study_t003.pt"
    assert len(list(run_trial(replace(plan, checkpoint=str(path)), print))) == EPOCHS
    return path


def test_a_trial_that_goes_on_elsewhere_ends_bit_by_bit_like_an_undisturbed_one(
    spec, desk, node, folder, whole
):
    assert train(spec, node("lab-1"), desk, 2) == []
    assert train(replace(spec, attempt=2, known_epochs=2), node("lab-2"), desk, EPOCHS) == []
    best = folder / "study_t003.pt"
    for path, same in zip(
        (best, newest_file(best), previous_file(best)),
        (whole, newest_file(whole), previous_file(whole)),
        strict=True,
    ):
        assert learnt(path) == learnt(same)
    assert {path.name for path in folder.iterdir()} == {
        "study_t003.pt",
        "study_t003.newest.pt",
        "study_t003.previous.pt",
        "study_t003.2.lease",
    }


def test_a_study_is_resumed_where_its_folder_is_seen_as_if_it_had_been_always(
    spec, desk, node, folder, whole
):
    train(spec, node("lab-1"), desk, 2)
    seen = replace(spec, checkpoint=str(folder / "study_t003.pt"), attempt=2, known_epochs=2)
    assert [result.epoch for result in run_trial(seen, print)] == [3, 4]
    assert learnt(folder / "study_t003.pt") == learnt(whole)


def test_the_training_loop_takes_them_as_its_store(spec, desk, node, folder):
    store = DeliveredCheckpoints(spec, node("lab-1"), desk)
    assert [result.epoch for result in run_trial(spec, print, store)] == [1, 2, 3, 4]
    assert desk.said == [Receipt.KEPT] * EPOCHS


def torn(delivery: Delivery) -> Delivery:
    return replace(delivery, content=delivery.content[:-100])


def test_a_delivery_that_is_torn_twice_changes_nothing_and_is_said(spec, desk, node, folder):
    assert train(spec, node("lab-1"), desk, 1) == []
    before = newest_file(folder / "study_t003.pt").read_bytes()
    desk.spoil = torn
    said = train(replace(spec, attempt=2, known_epochs=1), node("lab-2"), desk, 1)
    assert desk.said == [Receipt.KEPT, Receipt.DAMAGED, Receipt.DAMAGED]
    assert said == [
        "the checkpoint of its best epoch was not kept by the driver "
        "(it arrived damaged): training continues without it"
    ]
    assert newest_file(folder / "study_t003.pt").read_bytes() == before
    assert list(folder.glob("*.draft")) == []


def test_a_delivery_that_is_torn_once_costs_nothing(spec, desk, node):
    desk.spoil = lambda delivery: delivery if desk.said else torn(delivery)
    assert train(spec, node("lab-1"), desk, 1) == []
    assert desk.said == [Receipt.DAMAGED, Receipt.KEPT]


def test_an_outdated_attempt_is_refused_everywhere_and_changes_nothing(spec, desk, node, folder):
    old, session = DeliveredCheckpoints(spec, node("lab-1"), desk), open_session(spec)
    old.restore(session)
    training = train_epochs(session)
    old.save(session, next(training))
    train(replace(spec, attempt=2, known_epochs=1), node("lab-2"), desk, 1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(LeaseLostError):
        old.check()
    with pytest.raises(LeaseLostError):
        old.save(session, next(training))
    with pytest.raises(LeaseLostError):
        DeliveredCheckpoints(spec, node("lab-3"), desk).restore(open_session(spec))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert attempts(folder / "study_t003.pt") == [2]
    assert list(folder.glob("*.draft")) == []


def test_a_full_disk_of_the_driver_leaves_the_last_files_and_training_goes_on(
    spec, desk, node, folder, make_epoch, monkeypatch
):
    def no_space(*_) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store, session = DeliveredCheckpoints(spec, node("lab-1"), desk), open_session(spec)
    store.restore(session)
    best = folder / "study_t003.pt"
    assert store.save(session, make_epoch(1, 20.0)) is None
    with monkeypatch.context() as disk:
        disk.setattr("tune.storage.deliveries.place_newest", no_space)
        note = store.save(session, make_epoch(2, 25.0))
    assert note == (
        "the checkpoint of its best epoch was not kept by the driver "
        "(no space left on the driver): training continues without it"
    )
    assert load_checkpoint(newest_file(best)).metadata["epoch"] == 1
    assert list(best.parent.glob("*.draft")) == []
    store.save(session, make_epoch(3, 22.0))  # the best of the others, as where the disk is seen
    assert load_checkpoint(best).metadata["epoch"] == 3
    store.save(session, make_epoch(4, 21.0))
    assert load_checkpoint(best).metadata["epoch"] == 3


def test_a_driver_that_died_before_the_best_epoch_became_the_best_file_gets_it_again(
    spec, desk, node, folder, make_epoch
):
    store, session = DeliveredCheckpoints(spec, node("lab-1"), desk), open_session(spec)
    store.restore(session)
    best = folder / "study_t003.pt"
    store.save(session, make_epoch(1, 20.0))
    before = best.read_bytes()
    store.save(session, make_epoch(2, 25.0))
    best.unlink()  # so far a second name of the newest file
    best.write_bytes(before)
    again = DeliveredCheckpoints(replace(spec, attempt=2), node("lab-2"), desk)
    assert again.restore(open_session(spec)) == []
    assert load_checkpoint(best).metadata["epoch"] == 2


def test_a_damaged_newest_file_of_the_driver_costs_one_epoch(spec, desk, node, folder):
    train(spec, node("lab-1"), desk, 2)
    newest_file(folder / "study_t003.pt").write_bytes(b"garbage")
    said = train(replace(spec, attempt=2, known_epochs=2), node("lab-2"), desk, 0)
    assert "study_t003.newest.pt cannot be used" in said[0]
    assert said[-1] == "the trial repeats its epochs from 2 on"


def test_nothing_stays_on_a_node(spec, desk, node):
    scratch = node("lab-1")
    train(spec, scratch, desk, 1)
    gc.collect()
    assert list(scratch.iterdir()) == []


def test_a_name_leads_to_no_other_folder(desk):
    for name in ("../study_t003.pt", "/etc/passwd", "a/b.pt", "..", ""):
        with pytest.raises(ValueError, match="a plain name"):
            desk.fetch(name)


def test_where_nodes_see_the_folder_nothing_travels(spec, folder, monkeypatch):
    monkeypatch.setattr(Delivery, "of", None)
    seen = replace(spec, checkpoint=str(folder / "study_t003.pt"))
    TrialCheckpoints(seen).restore(open_session(seen))
