"""A disk that is full for a while."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.chaos.harness import short_folder
from tests.tune.faulty_searches import begin, finish
from tune.storage.journal import StudyJournal
from tune.storage.journal_file import examine_journal
from tune.tables.files import read_table

pytestmark = [pytest.mark.ray, pytest.mark.nightly]

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
