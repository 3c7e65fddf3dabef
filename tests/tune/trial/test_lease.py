"""The lease of a trial: of two attempts at it, whatever they do, only the newer one writes."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, replace
from itertools import permutations
from pathlib import Path

import pytest

from models.training.checkpoint import load_checkpoint
from tune.trial.checkpoint_files import (
    drop_resumable,
    newest_draft,
    newest_file,
    place_newest,
    previous_file,
)
from tune.trial.lease import (
    LeaseLostError,
    attempts,
    check_lease,
    lease_file,
    move_draft,
    take_lease,
)
from tune.trial.run import run_trial
from tune.trial.spec import TrialSpec

pytestmark = pytest.mark.slow

EPOCHS = 4


@pytest.fixture
def best(tmp_path) -> Path:
    return tmp_path / "study_t003.pt"


def test_whoever_took_the_lease_holds_it_until_a_newer_attempt_does(best):
    take_lease(best, 1)
    check_lease(best, 1)
    take_lease(best, 3)
    check_lease(best, 3)
    with pytest.raises(LeaseLostError, match="attempt 1 at study_t003 is outdated"):
        check_lease(best, 1)


def test_an_older_attempt_that_comes_late_gets_nothing_and_changes_nothing(best):
    take_lease(best, 3)
    with pytest.raises(LeaseLostError):
        take_lease(best, 2)
    check_lease(best, 3)
    assert attempts(best) == [3]


@pytest.mark.parametrize("order", list(permutations([1, 2, 3])))
def test_whatever_the_order_the_highest_holds_it_at_the_end(best, order):
    for attempt in order:
        try:
            take_lease(best, attempt)
        except LeaseLostError:
            assert attempt < 3
    assert attempts(best) == [3]


def test_attempts_that_race_end_with_the_highest(best):
    num_attempts = 24
    start = threading.Barrier(num_attempts)

    def race(attempt: int) -> None:
        start.wait()
        try:
            take_lease(best, attempt)
        except LeaseLostError:
            assert attempt < num_attempts

    threads = [threading.Thread(target=race, args=(n,)) for n in range(1, num_attempts + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert attempts(best) == [num_attempts]


def test_taking_the_lease_removes_drafts_of_older_attempts_alone(best, tmp_path):
    names = ["study_t003.newest.1.draft", "study_t003.1.draft", "study_t003.previous.2.draft"]
    names += ["study_t003.newest.3.draft", "study_t0031.1.draft", "study_t003.x.draft"]
    for name in names:
        (tmp_path / name).touch()
    take_lease(best, 2)
    assert {path.name for path in tmp_path.glob("*.draft")} == set(names[2:])


def test_a_draft_of_the_last_moment_before_its_lease_is_gone_goes_too(best, monkeypatch):
    """The older attempt writes its draft, finds its lease, and is stopped before it renames."""
    whole = Path.unlink

    def last_moment(path: Path, missing_ok: bool = False) -> None:
        if path == lease_file(best, 1):
            newest_draft(best, 1).write_bytes(b"1")
            check_lease(best, 1)
        whole(path, missing_ok)

    take_lease(best, 1)
    with monkeypatch.context() as older:
        older.setattr(Path, "unlink", last_moment)
        take_lease(best, 2)
    with pytest.raises(LeaseLostError):
        move_draft(newest_draft(best, 1), newest_file(best), best, 1)


def test_a_checkpoint_of_the_last_moment_before_a_trial_is_over_goes_too(best, monkeypatch):
    """The attempt renames its first draft after it was listed."""
    whole = Path.unlink

    def last_moment(path: Path, missing_ok: bool = False) -> None:
        if path == lease_file(best, 1):
            newest_draft(best, 1).write_bytes(b"1")
            check_lease(best, 1)
        if path == newest_draft(best, 1):
            path.replace(newest_file(best))
        whole(path, missing_ok)

    take_lease(best, 1)
    with monkeypatch.context() as attempt:
        attempt.setattr(Path, "unlink", last_moment)
        drop_resumable(best.parent, {best.stem})
    assert list(best.parent.iterdir()) == []


def test_a_lease_says_who_took_it_and_is_no_other_trials(best):
    take_lease(best, 1)
    assert f"process {os.getpid()} on " in lease_file(best, 1).read_text()
    take_lease(best.with_name("study_t0031.pt"), 2)
    take_lease(best.with_name("study_t003_.pt"), 2)
    check_lease(best, 1)


def test_a_lease_that_was_removed_is_lost(best):
    take_lease(best, 1)
    lease_file(best, 1).unlink()
    with pytest.raises(LeaseLostError):
        check_lease(best, 1)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("late", [previous_file, newest_file, Path])
def test_an_attempt_that_a_newer_one_overtakes_before_a_rename_places_nothing(
    best, tmp_path, monkeypatch, late
):
    before: dict[str, bytes] = {}

    def overtaken(draft: Path, place: Path, of: Path, attempt: int) -> None:
        if place == late(best):
            take_lease(best, 2)
            before.update(contents(tmp_path))
        move_draft(draft, place, of, attempt)

    take_lease(best, 1)
    for epoch in (b"1", b"2"):
        newest_draft(best, 1).write_bytes(epoch)
        place_newest(best, 1, is_best=True)
    newest_draft(best, 1).write_bytes(b"3")
    monkeypatch.setattr("tune.trial.checkpoint_files.move_draft", overtaken)
    with pytest.raises(LeaseLostError):
        place_newest(best, 1, is_best=True)
    assert contents(tmp_path) == before
    assert list(best.parent.glob("*.draft")) == []
    assert best.read_bytes() == b"2"


def test_an_attempt_whose_draft_a_newer_one_has_removed_is_outdated(best):
    take_lease(best, 1)
    newest_draft(best, 1).write_bytes(b"1")
    take_lease(best, 2)
    with pytest.raises(LeaseLostError):
        place_newest(best, 1, is_best=True)


def test_a_rename_that_a_server_made_and_denies_is_made(best, monkeypatch):
    take_lease(best, 1)
    newest_draft(best, 1).write_bytes(b"1")
    whole = Path.replace

    def replace_and_deny(draft: Path, place: Path) -> None:
        whole(draft, place)
        raise FileNotFoundError(draft)

    with monkeypatch.context() as server:
        server.setattr(Path, "replace", replace_and_deny)
        place_newest(best, 1, is_best=True)
    assert best.read_bytes() == newest_file(best).read_bytes() == b"1"
    with pytest.raises(FileNotFoundError):
        move_draft(newest_draft(best, 1), best.with_name("absent"), best, 1)


# --- real processes


RUN = """
import os, pickle, signal, sys
from models.training.precision import prepare_process
from tune.trial.lease import LeaseLostError
from tune.trial.run import run_trial

prepare_process(num_threads=1)
spec, where = pickle.load(sys.stdin.buffer)

def stop(here):
    global where
    if here == where:
        where = ""
        os.kill(os.getpid(), signal.SIGSTOP)

import tune.trial.checkpoints as checkpoints
whole = checkpoints.place_newest
def place_newest(*args):
    if os.path.exists(spec.checkpoint):
        stop("draft")
    whole(*args)
checkpoints.place_newest = place_newest
try:
    for result in run_trial(spec, lambda note: print("note", note, flush=True)):
        print("epoch", result.epoch, flush=True)
        stop("epoch")
except LeaseLostError as error:
    print("lost", error, flush=True)
"""


def begin(spec: TrialSpec, where: str = "") -> "subprocess.Popen[str]":
    """Train a trial in another process, which stops once: after an epoch, or with a draft."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdin.write(pickle.dumps((spec, where)))
    process.stdin.close()
    return process


def lines(process: "subprocess.Popen[str]") -> list[str]:
    """What a process says to its end."""
    said = process.stdout.read().decode().splitlines()
    process.stdout.close()
    assert process.wait() == 0
    return said


def learnt(path: Path) -> dict:
    """What a checkpoint holds that does not depend on the clock."""
    checkpoint = load_checkpoint(path)
    timed = {"train_s", "val_s", "samples_per_s", "measured_peak_mib"}
    epochs = [
        {name: value for name, value in epoch.items() if name not in timed}
        for epoch in checkpoint.metadata["epochs"]
    ]
    return {
        "state": flat(checkpoint.state),
        "epochs": epochs,
        "epoch": checkpoint.metadata["epoch"],
    }


def flat(value):
    """The state with bytes in the place of tensors."""
    if hasattr(value, "numpy"):
        return (str(value.dtype), tuple(value.shape), value.contiguous().numpy().tobytes())
    if isinstance(value, dict):
        return {key: flat(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [flat(part) for part in value]
    return value


@pytest.mark.parametrize("where", ["epoch", pytest.param("draft", marks=pytest.mark.nightly)])
def test_an_attempt_that_was_stopped_and_goes_on_later_writes_nothing(plan, tmp_path, where):
    whole = replace(plan, checkpoint=str(tmp_path / "whole" / "study_t003.pt"))
    Path(whole.checkpoint).parent.mkdir()
    spec = replace(plan, checkpoint=str(tmp_path / "study" / "study_t003.pt"), attempt=1)
    folder = Path(spec.checkpoint).parent
    folder.mkdir()

    old = begin(spec, where)
    _, status = os.waitpid(old.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    new = begin(replace(spec, attempt=2, known_epochs=1))
    said = lines(new)
    assert f"epoch {EPOCHS}" in said
    assert not [line for line in said if line.startswith(("lost", "note"))]
    before = contents(folder)
    os.kill(old.pid, signal.SIGCONT)
    said = lines(old)
    assert said[-1].startswith("lost attempt 1 at study_t003 is outdated")
    assert contents(folder) == before
    assert attempts(Path(spec.checkpoint)) == [2]

    assert f"epoch {EPOCHS}" in lines(begin(whole))
    for path in (Path(spec.checkpoint), newest_file(Path(spec.checkpoint))):
        assert learnt(path) == learnt(Path(whole.checkpoint).with_name(path.name))


def test_a_trial_that_goes_on_begins_with_what_an_older_attempt_finished(plan, tmp_path):
    spec = replace(plan, checkpoint=str(tmp_path / "study_t003.pt"), attempt=1)
    training = run_trial(spec, print)
    first = [next(training) for _ in range(2)]
    rest = list(run_trial(replace(spec, attempt=2, known_epochs=2), print))
    assert [result.epoch for result in first + rest] == [1, 2, 3, 4]
    with pytest.raises(LeaseLostError):
        next(training)


def test_an_attempt_number_travels_with_the_trial(plan):
    assert pickle.loads(pickle.dumps(replace(plan, attempt=7))).attempt == 7
    older = asdict(plan)
    del older["attempt"]  # as journals of earlier releases have it
    assert TrialSpec(**older).attempt == 0
