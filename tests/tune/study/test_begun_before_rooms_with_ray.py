"""Studies that a release before the rooms left (tests/recorded/begun) are continued by this one.

Two of them are renamed first, and one is copied: names of folders are the user's.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis import report
from tune import doctor, promote, search, status
from tune.tables.files import read_table

REPOSITORY = Path(__file__).parents[3]
BEGUN = REPOSITORY / "tests" / "recorded" / "begun"
RENAMED = {
    "unfinished_search": "later [16x]",
    "baseline_full_c4_cr64x_20261128_043837": "promoted once",
}
UNFINISHED, PROMOTION = RENAMED.values()
FINISHED = "finished_search"
COPY = "a copy of the finished search"

pytestmark = [pytest.mark.ray, pytest.mark.nightly]


def run(cwd: Path, module: str, *arguments: str) -> str:
    """Run a command that starts Ray in the copy, in a process of its own; return its output."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--no-dashboard", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def table(cwd: Path, name: str, study: str) -> pd.DataFrame:
    return read_table(cwd / "ray_results", name, study)


@pytest.fixture
def ask(resumed, monkeypatch, capsys):
    """Call a command in the copy, in this process; return what it printed."""

    def ask(main: Callable[[list[str]], int], *arguments: str, code: int = 0) -> str:
        monkeypatch.chdir(resumed[0])
        assert main(list(arguments)) == code
        captured = capsys.readouterr()
        return captured.err if code == 2 else captured.out

    return ask


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """A folder with the recorded studies, and their corpus where they know it."""
    cwd = tmp_path_factory.mktemp("begun")
    shutil.copytree(BEGUN / "ray_results", cwd / "ray_results")
    for given, name in RENAMED.items():
        (cwd / "ray_results" / given).rename(cwd / "ray_results" / name)
    shutil.copytree(BEGUN / "ray_results" / FINISHED, cwd / "ray_results" / COPY)
    shutil.copytree(BEGUN / "generated_scenes", cwd / "corpus")
    return cwd


@pytest.fixture(scope="module")
def resumed(copied) -> tuple[Path, str]:
    """The same after the unfinished search was resumed, and what that printed."""
    return copied, run(copied, "tune.search", "--resume", UNFINISHED)


@pytest.fixture(scope="module")
def promoted(resumed) -> tuple[Path, str]:
    """The same after all that was not promoted was promoted, and what that printed."""
    cwd, _ = resumed
    output = run(
        cwd, "tune.promote", "--top", "1", "--seeds", "1", "--epochs", "2", "--data-fraction",
        "0.2", "--test-images", "2",
    )  # fmt: skip
    return cwd, output


def test_a_search_continues_with_the_epochs_that_it_had(resumed):
    cwd, output = resumed
    assert UNFINISHED in output
    before = table(BEGUN, "epochs", "unfinished_search")
    after = table(cwd, "epochs", UNFINISHED)
    kept = after.merge(before[["trial_number", "epoch"]], on=["trial_number", "epoch"])
    columns = ["trial_number", "epoch", "val_psnr_db", "recorded_at"]
    pd.testing.assert_frame_equal(kept[columns], before[columns])
    assert not after.duplicated(["trial_number", "epoch"]).any()


def test_a_search_ends_with_the_trials_that_it_was_to_have(resumed):
    trials = table(resumed[0], "trials", UNFINISHED)
    assert sorted(trials["trial_number"]) == [0, 1, 2, 3]
    assert set(trials["outcome"]) <= {"completed", "stopped"}


def test_only_the_search_without_a_promotion_is_promoted(promoted, ask):
    cwd, output = promoted
    assert f"from {UNFINISHED}" in output
    assert f"from {FINISHED}" not in output
    assert len(read_table(cwd / "ray_results", "verdicts")) >= 2
    assert "nothing to promote" in ask(promote.main)


def test_a_finished_promotion_is_known_as_one(ask):
    said = ask(promote.main, "--resume", PROMOTION, code=2)
    assert f"a finished promotion does nothing more, found '{PROMOTION}'" in said
    said = ask(search.main, "--resume", PROMOTION, code=2)
    assert f"python -m tune.promote --resume '{PROMOTION}'" in said


def test_a_copy_is_left_out_with_a_line(resumed, ask):
    assert f"left out study {COPY}: it is a copy of {FINISHED}" in ask(status.main)
    assert f"copy of '{FINISHED}'" in ask(search.main, "--resume", COPY, code=2)


def test_the_report_has_all_of_them(promoted, ask):
    cwd, _ = promoted
    ask(report.main)
    log = (cwd / "report" / "RUNLOG.md").read_text(encoding="utf-8")
    assert UNFINISHED in log
    assert FINISHED in log
    assert f"left out study {COPY}" in log
    cells = pd.read_csv(cwd / "report" / "tables" / "status_1.csv", index_col="architecture")
    for ratio in ("16x", "64x"):
        first, *others = cells.loc["baseline", ratio].splitlines()
        assert float(first.split()[0]) > 0  # the test score, in dB
        assert any(line.startswith("quick ") for line in others)


@pytest.mark.parametrize("study", [UNFINISHED, FINISHED, PROMOTION])
def test_the_doctor_finds_them_whole(ask, study):
    assert "torn" not in ask(doctor.main, study)


@pytest.mark.usefixtures("promoted")
def test_the_status_counts_their_trials(ask):
    printed = ask(status.main)
    assert "4/4 trials" in printed
    assert "full " in printed
