"""The checkpoint files of a trial: it goes on from the newest readable epoch, bit by bit."""

import errno
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from models.training.checkpoint import load_checkpoint
from models.training.epoch_result import EpochResult
from models.training.loop import train_epochs
from tune.trial.checkpoint_files import drop_resumable, newest_file, previous_file
from tune.trial.checkpoints import TrialCheckpoints
from tune.trial.lease import move_draft
from tune.trial.session import open_session
from tune.trial.spec import TrialSpec

pytestmark = pytest.mark.slow

EPOCHS = 4


@pytest.fixture
def spec(plan, tmp_path) -> TrialSpec:
    return replace(plan, checkpoint=str(tmp_path / "study_t003.pt"))


def train(spec: TrialSpec, num_epochs: int) -> TrialCheckpoints:
    """Go on with a trial for some epochs, as a worker would, and leave it."""
    checkpoints, session = TrialCheckpoints(spec), open_session(spec)
    checkpoints.restore(session)
    for result, _ in zip(train_epochs(session), range(num_epochs), strict=False):
        checkpoints.save(session, result)
    return checkpoints


def scores_db(checkpoints: TrialCheckpoints) -> list[float]:
    return [result.val_psnr_db for result in checkpoints.results]


def restored(spec: TrialSpec) -> tuple[int, list[str]]:
    """The epoch that a new session is brought to, and what is said about it."""
    session = open_session(spec)
    return session.epoch or 0, TrialCheckpoints(spec).restore(session) or []


@pytest.fixture(scope="module")
def whole(plan, tmp_path_factory) -> TrialCheckpoints:
    """An uninterrupted trial."""
    path = tmp_path_factory.mktemp("whole") / "study_t003.pt"
    return train(replace(plan, checkpoint=str(path)), EPOCHS)


@pytest.mark.parametrize("first", range(1, EPOCHS))
def test_an_interrupted_trial_ends_bit_by_bit_like_an_uninterrupted_one(spec, whole, first):
    train(spec, first)
    later = train(spec, EPOCHS - first)
    assert [(r.epoch, r.train_loss, r.val_loss, r.gradient_norm) for r in later.results] == [
        (r.epoch, r.train_loss, r.val_loss, r.gradient_norm) for r in whole.results
    ]


def test_the_best_file_holds_the_best_epoch(spec):
    checkpoints = train(spec, EPOCHS)
    best = max(checkpoints.results, key=lambda result: result.val_psnr_db)
    metadata = load_checkpoint(spec.checkpoint).metadata
    assert (metadata["epoch"], metadata["val_psnr_db"]) == (best.epoch, best.val_psnr_db)


def test_the_best_file_holds_the_best_epoch_by_the_objective(spec, make_epoch, monkeypatch):
    spec = replace(spec, train=replace(spec.train, objective="ssim"))
    sharp = replace(make_epoch(1, 30.0), val_ssim=0.5)
    similar = replace(make_epoch(2, 20.0), val_ssim=0.6)
    worse = replace(make_epoch(3, 40.0), val_ssim=0.55)
    save_each(spec, [sharp, similar], monkeypatch, full=0)
    save_each(spec, [worse], monkeypatch, full=0)
    metadata = load_checkpoint(spec.checkpoint).metadata
    assert (metadata["epoch"], metadata["val_ssim"]) == (2, 0.6)


def test_a_later_session_replaces_the_best_file_only_by_a_better_epoch(spec, make_epoch):
    train(spec, 1)
    checkpoints, session = TrialCheckpoints(spec), open_session(spec)
    checkpoints.restore(session)
    checkpoints.save(session, make_epoch(2, -100.0))
    assert load_checkpoint(spec.checkpoint).metadata["epoch"] == 1


def save_each(spec: TrialSpec, epochs: list[EpochResult], monkeypatch, full: int) -> list[str]:
    """Save these epochs, one of them while the disk is full; return what was said."""
    checkpoints, session = TrialCheckpoints(spec), open_session(spec)
    checkpoints.restore(session)
    said = []
    for result in epochs:
        with monkeypatch.context() as disk:
            if result.epoch == full:
                disk.setattr("tune.trial.checkpoints.save_checkpoint", no_space)
            said.append(checkpoints.save(session, result))
    return [note for note in said if note is not None]


def no_space(*_) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def kept_epoch(spec: TrialSpec) -> int:
    return load_checkpoint(spec.checkpoint).metadata["epoch"]


def test_where_the_best_epoch_found_no_space_the_best_of_the_others_is_kept(
    spec, make_epoch, monkeypatch
):
    scores = [20.0, 25.0, 21.0, 19.0]
    epochs = [make_epoch(epoch, score_db) for epoch, score_db in enumerate(scores, start=1)]
    (note,) = save_each(spec, epochs, monkeypatch, full=2)
    assert note == (
        "no space left for checkpoint study_t003.newest.pt, its best epoch so far: "
        "training continues without it"
    )
    assert kept_epoch(spec) == 3


def test_lost_weights_of_the_best_epoch_are_said_when_the_trial_goes_on(
    spec, make_epoch, monkeypatch
):
    epochs = [make_epoch(1, 20.0), make_epoch(2, 25.0), make_epoch(3, 21.0)]
    save_each(spec, epochs, monkeypatch, full=2)
    notes = TrialCheckpoints(spec).restore(open_session(spec))
    assert notes == ["the weights of its best epoch so far, 2, are lost"]


def test_a_trial_killed_before_its_best_epoch_became_the_best_file_makes_it_so(
    spec, make_epoch, monkeypatch
):
    def killed(draft: Path, place: Path, best: Path, attempt: int) -> None:
        if place == best:
            raise KeyboardInterrupt
        move_draft(draft, place, best, attempt)

    save_each(spec, [make_epoch(1, 20.0)], monkeypatch, full=0)
    with monkeypatch.context() as process:
        process.setattr("tune.trial.checkpoint_files.move_draft", killed)
        with pytest.raises(KeyboardInterrupt):
            save_each(spec, [make_epoch(2, 25.0)], monkeypatch, full=0)
    assert kept_epoch(spec) == 1
    assert TrialCheckpoints(spec).restore(open_session(spec)) == []
    assert kept_epoch(spec) == 2
    save_each(spec, [make_epoch(3, 24.0)], monkeypatch, full=0)
    assert kept_epoch(spec) == 2


def test_a_damaged_best_file_is_said_and_replaced_by_what_is_left(spec, make_epoch, monkeypatch):
    save_each(spec, [make_epoch(1, 25.0), make_epoch(2, 20.0)], monkeypatch, full=0)
    Path(spec.checkpoint).unlink()
    Path(spec.checkpoint).write_bytes(b"garbage")
    notes = TrialCheckpoints(spec).restore(open_session(spec))
    assert "study_t003.pt cannot be used" in notes[0]
    assert notes[1] == "the weights of its best epoch so far, 1, are lost"
    assert kept_epoch(spec) == 2


def newest(spec: TrialSpec) -> Path:
    return newest_file(Path(spec.checkpoint))


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_newest_file_costs_one_epoch_and_is_said(spec, damage):
    before = scores_db(train(spec, 2))
    content = newest(spec).read_bytes()
    newest(spec).write_bytes(content[: len(content) // 2] if damage is None else damage)
    session = open_session(spec)
    notes = TrialCheckpoints(replace(spec, known_epochs=2)).restore(session)
    assert session.epoch == 1
    assert "study_t003.newest.pt cannot be used" in notes[0]
    assert notes[-1] == "the trial repeats its epochs from 2 on"
    assert scores_db(train(spec, 1)) == before


def test_a_bit_that_flipped_is_noticed(spec):
    train(spec, 2)
    content = bytearray(newest(spec).read_bytes())
    with zipfile.ZipFile(newest(spec)) as archive:
        largest = max(archive.infolist(), key=lambda part: part.file_size)
        content[content.index(archive.read(largest))] ^= 1
    newest(spec).write_bytes(content)
    session = open_session(spec)
    TrialCheckpoints(spec).restore(session)
    assert session.epoch == 1


def test_without_a_readable_file_the_trial_starts_over_and_says_so(spec):
    train(spec, 2)
    for path in (newest(spec), previous_file(Path(spec.checkpoint))):
        path.write_bytes(b"garbage")
    session = open_session(spec)
    notes = TrialCheckpoints(replace(spec, known_epochs=2)).restore(session)
    assert session.epoch == 0
    assert notes[-1] == "the trial repeats its epochs from 1 on"


def test_the_files_of_another_trial_are_not_taken(spec):
    train(spec, 1)
    session = open_session(spec)
    notes = TrialCheckpoints(replace(spec, number=4)).restore(session)
    assert session.epoch == 0
    assert "it belongs to study_t003" in notes[0]


def test_a_new_trial_restores_nothing_and_says_nothing(spec):
    session = open_session(spec)
    assert TrialCheckpoints(spec).restore(session) == []
    assert session.epoch == 0


def test_a_full_disk_leaves_the_files_before_it_and_training_goes_on(spec, make_epoch, monkeypatch):
    train(spec, 1)
    before = newest(spec).read_bytes()

    monkeypatch.setattr("tune.trial.checkpoints.save_checkpoint", no_space)
    checkpoints, session = TrialCheckpoints(spec), open_session(spec)
    checkpoints.restore(session)
    note = checkpoints.save(session, make_epoch(2, 30.0))
    assert "training continues without it" in note
    assert newest(spec).read_bytes() == before
    assert len(checkpoints.results) == 2


def test_without_a_file_nothing_is_written(spec, tmp_path):
    train(replace(spec, checkpoint=None), 1)
    assert list(tmp_path.iterdir()) == []


def test_what_only_going_on_needs_can_be_dropped(spec, tmp_path):
    train(spec, 2)
    train(replace(spec, number=4, checkpoint=str(tmp_path / "study_t004.pt"), attempt=2), 1)
    others = {path.name for path in tmp_path.glob("study_t004.*")}
    left = [
        "study_t003.newest.0.draft",
        ".study_t003.newest.0.draft.ab_1.tmp",
        "study_t003.0.draft",
    ]
    for name in left:
        (tmp_path / name).touch()
    drop_resumable(tmp_path, {"study_t003"})
    assert {path.name for path in tmp_path.iterdir()} == {"study_t003.pt"} | others


def test_names_of_studies_may_have_dots_and_numbers(tmp_path):
    for name in ("a.2_t001.pt", "a.2_t001.newest.pt", "a.2_t001.3.lease", "a_t001.newest.pt"):
        (tmp_path / name).touch()
    drop_resumable(tmp_path, {"a.2_t001"})
    assert {path.name for path in tmp_path.iterdir()} == {"a.2_t001.pt", "a_t001.newest.pt"}


def test_a_file_system_without_second_names_gets_copies(spec, whole, monkeypatch):
    def refuse(*_) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    assert scores_db(train(spec, EPOCHS)) == scores_db(whole)
    best = max(whole.results, key=lambda result: result.val_psnr_db)
    assert kept_epoch(spec) == best.epoch
    assert load_checkpoint(previous_file(Path(spec.checkpoint))).metadata["epoch"] == EPOCHS - 1


def test_without_space_for_a_lease_training_goes_on_and_takes_it_later(
    spec, make_epoch, monkeypatch
):
    checkpoints, session = TrialCheckpoints(spec), open_session(spec)
    with monkeypatch.context() as disk:
        disk.setattr("tune.trial.checkpoints.take_lease", no_space)
        assert "no space left" in checkpoints.restore(session)[0]
        assert "no space left" in checkpoints.save(session, make_epoch(1, 20.0))
        checkpoints.check()
    assert checkpoints.save(session, make_epoch(2, 21.0)) is None
    assert kept_epoch(spec) == 2
