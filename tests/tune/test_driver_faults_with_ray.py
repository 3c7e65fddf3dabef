"""A second driver, a hard end, another corpus, and damaged files: a study goes on."""

import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.chaos.harness import short_folder
from tests.tiny_corpus import build_tiny_corpus
from tests.tune.faulty_searches import LIMIT_S, begin, finish, table, trained
from tune.storage.journal_file import examine_journal

pytestmark = pytest.mark.ray

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
