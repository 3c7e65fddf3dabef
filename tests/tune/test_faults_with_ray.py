"""Faults of the real world, each provoked for real in a real search; few searches have many faults.

Killing the driver is `tests/chaos`.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from tests.chaos.harness import Done, Running, short_folder, start
from tests.sabotage import sabotaged
from tests.tiny_corpus import build_tiny_corpus
from tune.storage.journal import StudyJournal
from tune.storage.journal_file import examine_journal
from tune.tables.files import read_table

QUICK = [
    "--no-dashboard", "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8",
    "--precision", "fp32", "--data-fraction", "1", "--searcher", "random", "--scheduler", "none",
    "--max-concurrent", "2", "--name", "study",
]  # fmt: skip

pytestmark = pytest.mark.ray

LIMIT_S = 220.0


def begin(
    cwd: Path,
    temporary: Path,
    corpus: Path,
    *arguments: str,
    faults: str,
    around: Sequence[str] = (),
) -> Running:
    """Start a search in which something goes wrong."""
    environment = sabotaged(cwd, faults) | {"TMPDIR": str(temporary)}
    words = ["tune.search", *QUICK, "--data", str(corpus), *arguments]
    return start(words, cwd, environment, around=around)


def finish(running: Running) -> Done:
    """Wait for the end of a search; nothing of it may be left running."""
    running.wait(LIMIT_S)
    done = running.done()
    assert running.survivors() == ()
    return done


def table(cwd: Path, name: str) -> pd.DataFrame:
    return read_table(cwd / "ray_results", name, "study")


def trained(cwd: Path) -> list[tuple[int, int]]:
    """Return (trial, epoch) in the order in which they began to be trained."""
    lines = (cwd / "trained").read_text().splitlines()
    return [(int(number), int(epoch)) for number, epoch in (line.split() for line in lines)]


WORKERS = """
import resource, signal

def before(session, epoch):
    number = session.trial_number
    if number == 0 and epoch == 2:
        time.sleep(10_000)
    if number == 1 and epoch == 2 and once("hung"):
        time.sleep(10_000)
    if number == 2 and epoch == 2:
        raise RuntimeError("boom")
    if number == 3 and epoch == 3:
        next(session.model.parameters()).data.fill_(float("nan"))
    if number == 4 and epoch == 2:
        allocate_too_much()
    if number == 5 and epoch == 3 and once("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 6 and epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)

def allocate_too_much():
    import torch
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, limits[1]))
    try:
        torch.zeros(2**31, dtype=torch.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)

def impatient():
    import tune.scheduling.watchdog
    tune.scheduling.watchdog.Watchdog.__init__.__defaults__ = (3, 15.0)

on_every_epoch(before)
in_driver(impatient)
"""
"""Seven trials that go wrong, each in its own way; those that hang come first, to save time."""


@pytest.fixture(scope="module")
def workers(tiny_corpus, tmp_path_factory) -> tuple[Path, Done]:
    """A finished study whose first seven of eight trials go wrong: its folder and its end."""
    cwd = tmp_path_factory.mktemp("workers")
    with short_folder() as temporary:
        flags = ("--trials", "8", "--epochs", "4", "--max-concurrent", "4")
        done = finish(begin(cwd, temporary, tiny_corpus, *flags, faults=WORKERS))
        assert list(temporary.iterdir()) == []
    return cwd, done


def trial(cwd: Path, number: int) -> "pd.Series":
    return table(cwd, "trials").set_index("trial_number").loc[number]


def test_a_killed_worker_s_trial_goes_on_once_from_its_last_finished_epoch(workers):
    found = trial(workers[0], 5)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("completed", 1, 4)
    epochs = [epoch for number, epoch in trained(workers[0]) if number == 5]
    assert epochs == [1, 2, 3, 3, 4]


def test_a_trial_whose_worker_is_killed_again_has_failed_and_says_why(workers):
    found = trial(workers[0], 6)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("failed", 2, 1)
    assert found["reason"].startswith("the worker process died")


def test_a_trial_that_raises_has_failed_at_once_and_its_traceback_is_kept(workers):
    found = trial(workers[0], 2)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("failed", 0, 1)
    assert found["reason"] == "RuntimeError: boom"
    kept = (workers[0] / "ray_results/study/errors/study_t002.txt").read_text()
    assert "in train_epoch" in kept
    assert kept.endswith("RuntimeError: boom")


def test_a_trial_with_a_loss_of_nan_has_diverged_and_keeps_the_epochs_before(workers):
    found = trial(workers[0], 3)
    assert (found["outcome"], found["epochs_finished"]) == ("diverged", 2)
    assert found["reason"] == "train loss is nan in epoch 3"
    assert found["best_epoch"] in {1, 2}


def test_a_failed_allocation_is_out_of_memory(workers):
    found = trial(workers[0], 4)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == (
        "out_of_memory",
        0,
        1,
    )


def test_a_hanging_trial_is_killed_and_goes_on_once(workers):
    found = trial(workers[0], 1)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("completed", 1, 4)
    assert "t001  the worker hung" in workers[1].output


def test_a_trial_that_hangs_again_has_failed_and_says_so(workers):
    found = trial(workers[0], 0)
    assert (found["outcome"], found["failures"], found["epochs_finished"]) == ("failed", 2, 1)
    assert found["reason"].startswith("the worker hung: no epoch for")


def test_faults_of_trials_touch_no_other_trial_and_end_with_1(workers):
    assert (trial(workers[0], 7)["outcome"], trial(workers[0], 7)["failures"]) == ("completed", 0)
    assert workers[1].code == 1
    assert workers[1].errors == ""


SLOW = """
def before(session, epoch):
    if epoch > 4:
        time.sleep(10_000)

on_every_epoch(before)

def jump():
    import tune.trial.clock as clock
    from datetime import timedelta

    class Jumping(clock.datetime):
        calls = 0

        @classmethod
        def now(cls, zone=None):
            cls.calls += 1
            return super().now(zone) - timedelta(hours=cls.calls > 6)

    clock.datetime = Jumping

in_driver(jump)
"""
"""A search that waits in its fifth epochs, whose wall clock went back by an hour on the way."""

FLAGS = ("--trials", "3", "--epochs", "6")


def num_epochs(cwd: Path) -> int:
    """Count the finished epochs in a journal that is being written."""
    journal = cwd / "ray_results/study/journal"
    return journal.read_bytes().count(b'"epoch:') if journal.exists() else 0


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def damaged(tiny_corpus, tmp_path_factory) -> dict:
    """A study that was ended by two Ctrl-C, damaged in every way, and gone on with."""
    cwd = tmp_path_factory.mktemp("damaged")
    home = shutil.copytree(tiny_corpus, cwd / "corpus")
    found = {"cwd": cwd}
    study = cwd / "ray_results/study"
    with short_folder() as temporary:
        running = begin(cwd, temporary, home, *FLAGS, faults=SLOW)
        assert running.wait(LIMIT_S, lambda: num_epochs(cwd) >= 8), running.done()
        # A second driver, from its own folder but for the results.
        other = tmp_path_factory.mktemp("other")
        results = ("--results", str(cwd / "ray_results"))
        second = begin(other, temporary, home, *FLAGS, *results, faults=SLOW)
        second.wait(LIMIT_S)
        found["second_driver"] = second.done()
        running.process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        running.process.send_signal(signal.SIGINT)
        found["ended"] = finish(running)
        found["journal"] = (study / "journal").read_bytes()

        before = contents(study)
        home.rename(cwd / "old_corpus")
        build_tiny_corpus(cwd / "corpus", seed=1)
        found["other_corpus"] = finish(begin(cwd, temporary, home, *FLAGS, faults=""))
        found["changed_by_refusal"] = [
            path.name for path, content in contents(study).items() if before.get(path) != content
        ]
        shutil.rmtree(home)
        (cwd / "old_corpus").rename(home)

        os.truncate(study / "journal", len(found["journal"]) - 30)
        table_file = study / "tables/trials.parquet"
        os.truncate(table_file, table_file.stat().st_size // 2)
        corrupt(study / "checkpoints/study_t000.newest.pt")
        corrupt(study / "checkpoints/study_t001.newest.pt")
        corrupt(study / "checkpoints/study_t001.previous.pt")
        found["trained"] = trained(cwd)
        found["resumed"] = finish(
            begin(cwd, temporary, home, *FLAGS, faults="on_every_epoch(lambda s, e: None)")
        )
    return found


def corrupt(checkpoint: Path) -> None:
    """Overwrite the middle of a file."""
    size = checkpoint.stat().st_size
    with checkpoint.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 1000)


def test_a_second_driver_is_refused(damaged):
    done = damaged["second_driver"]
    assert done.code == 2
    assert "a study has one driver at a time, found 'study' held by process" in done.errors
    assert done.errors.count("\n") == 1


def test_a_second_ctrl_c_ends_at_once_and_can_be_gone_on_with(damaged):
    done = damaged["ended"]
    assert done.code == 130
    assert "ended at once; the same command resumes the study" in done.errors
    assert examine_journal(damaged["journal"]).is_whole


def test_another_corpus_is_refused_and_nothing_changes(damaged):
    done = damaged["other_corpus"]
    assert done.code == 2
    assert "a study keeps its corpus, planned with fingerprint" in done.errors
    assert done.errors.count("\n") == 1
    assert damaged["changed_by_refusal"] == []


def test_a_damaged_study_goes_on_to_its_end(damaged):
    assert damaged["resumed"].code == 0, damaged["resumed"]
    assert damaged["resumed"].errors == ""
    assert list(table(damaged["cwd"], "trials")["outcome"]) == ["completed"] * 3
    assert list(table(damaged["cwd"], "trials")["epochs_finished"]) == [6] * 3


def test_a_journal_that_ends_in_half_a_line_is_cut_and_that_is_said(damaged):
    assert "bytes of an unfinished last line off the journal" in damaged["resumed"].output
    kept = damaged["journal"][: damaged["journal"].rindex(b"\n", 0, -30) + 1]
    assert (damaged["cwd"] / "ray_results/study/journal").read_bytes().startswith(kept)


def test_a_truncated_table_is_written_again(damaged):
    epochs = table(damaged["cwd"], "epochs")
    assert list(epochs.groupby("trial_number")["epoch"].count()) == [6] * 3


def test_a_corrupt_newest_checkpoint_costs_one_epoch_and_that_is_said(damaged):
    assert "t000  checkpoint study_t000.newest.pt cannot be used" in damaged["resumed"].output
    again = [e for n, e in trained(damaged["cwd"])[len(damaged["trained"]) :] if n == 0]
    assert again == [4, 5, 6]


def test_a_trial_without_a_readable_checkpoint_begins_again_and_that_is_said(damaged):
    assert "t001  checkpoint study_t001.previous.pt cannot be used" in damaged["resumed"].output
    assert "t001  the trial repeats its epochs from 1 on" in damaged["resumed"].output
    again = [e for n, e in trained(damaged["cwd"])[len(damaged["trained"]) :] if n == 1]
    assert again == [1, 2, 3, 4, 5, 6]


def test_a_wall_clock_that_goes_back_makes_no_negative_duration(damaged):
    lines = [json.loads(line) for line in damaged["journal"].splitlines()]
    notes = [value for line in lines for value in line.get("user_attr", {}).values()]
    moments = [note for note in notes if isinstance(note, dict) and "elapsed_s" in note]
    elapsed_s = [moment["elapsed_s"] for moment in moments]
    assert elapsed_s == sorted(elapsed_s)
    assert [moment["at"] for moment in moments] != sorted(moment["at"] for moment in moments)
    assert (table(damaged["cwd"], "trials")["wall_s"] > 0).all()


FULL = """
import threading
on_every_epoch(lambda session, epoch: time.sleep(0.3))

def fill_on_the_way():
    import tune.storage.journal_file as journal_file
    whole, count = journal_file.JournalFile.append_logs, [0]

    def append_logs(self, logs):
        count[0] += "epoch:" in str(logs)
        if count[0] == 3 and once("filled"):
            fill(self.path.with_name("filler"))
        whole(self, logs)

    journal_file.JournalFile.append_logs = append_logs

def fill(path):
    with path.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    threading.Timer(5.0, path.unlink).start()

in_driver(fill_on_the_way)
"""
"""Fills the file system in the middle of the search, and frees it five seconds later."""

IN_TMPFS = """
mount -t tmpfs -o size=48m tmpfs ray_results || exit 99
"$@"
code=$?
rm -f ray_results/study/filler
cp -r ray_results kept
exit $code
"""


def can_mount(folder: Path) -> bool:
    """Return whether a user may mount a file system in a namespace of their own."""
    if shutil.which("unshare") is None:
        return False
    words = ["unshare", "-Urm", "mount", "-t", "tmpfs", "tmpfs", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_a_full_disk_makes_the_search_wait_and_spoils_nothing(tiny_corpus, tmp_path):
    if not can_mount(tmp_path):
        pytest.skip("no small file system can be mounted here (unshare -Urm mount -t tmpfs)")
    (tmp_path / "ray_results").mkdir()
    with short_folder() as temporary:
        running = begin(
            tmp_path, temporary, tiny_corpus, "--trials", "3", "--epochs", "6", faults=FULL,
            around=("unshare", "-Urm", "sh", "-c", IN_TMPFS, "sh"),
        )  # fmt: skip
        done = finish(running)
    assert done.code == 0, done
    assert "no space left for" in done.output
    assert done.errors == ""
    kept = tmp_path / "kept"
    assert examine_journal((kept / "study/journal").read_bytes()).is_whole
    trials = read_table(kept, "trials")
    assert list(trials["outcome"]) == ["completed"] * 3
    assert len(read_table(kept, "epochs")) == 18
    journal = StudyJournal.open(kept / "study/journal")
    assert [len(trial.epochs) for trial in journal.trials()] == [6] * 3
