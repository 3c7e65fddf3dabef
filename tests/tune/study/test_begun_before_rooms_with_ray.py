"""Studies that a release before the rooms left (tests/recorded/begun) are continued by this one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tune.tables.files import read_table

REPOSITORY = Path(__file__).parents[3]
BEGUN = REPOSITORY / "tests" / "recorded" / "begun"
UNFINISHED, FINISHED = "unfinished_search", "finished_search"
PROMOTION = "baseline_full_c4_cr64x_20261128_043837"

pytestmark = pytest.mark.ray


def run(cwd: Path, module: str, *arguments: str, code: int = 0) -> str:
    """Run a command in the copy; return its output, on a refusal its error output."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code == 2 else done.stdout


def table(cwd: Path, name: str, study: str) -> pd.DataFrame:
    return read_table(cwd / "ray_results", name, study)


@pytest.fixture(scope="module")
def copied(tmp_path_factory) -> Path:
    """A folder with the recorded studies, and their corpus where they know it."""
    cwd = tmp_path_factory.mktemp("begun")
    shutil.copytree(BEGUN / "ray_results", cwd / "ray_results")
    shutil.copytree(BEGUN / "generated_scenes", cwd / "corpus")
    return cwd


@pytest.fixture(scope="module")
def resumed(copied) -> tuple[Path, str]:
    """The same after the unfinished search was resumed, and what that printed."""
    return copied, run(copied, "tune.search", "--resume", UNFINISHED, "--no-dashboard")


@pytest.fixture(scope="module")
def promoted(resumed) -> tuple[Path, str]:
    """The same after all that was not promoted was promoted, and what that printed."""
    cwd, _ = resumed
    output = run(
        cwd, "tune.promote", "--top", "1", "--seeds", "1", "--epochs", "2", "--data-fraction",
        "0.2", "--test-images", "2", "--no-dashboard",
    )  # fmt: skip
    return cwd, output


def test_a_search_continues_with_the_epochs_that_it_had(resumed):
    cwd, output = resumed
    assert UNFINISHED in output
    before = table(BEGUN, "epochs", UNFINISHED)
    after = table(cwd, "epochs", UNFINISHED)
    kept = after.merge(before[["trial_number", "epoch"]], on=["trial_number", "epoch"])
    columns = ["trial_number", "epoch", "val_psnr_db", "recorded_at"]
    pd.testing.assert_frame_equal(kept[columns], before[columns])
    assert not after.duplicated(["trial_number", "epoch"]).any()


def test_a_search_ends_with_the_trials_that_it_was_to_have(resumed):
    trials = table(resumed[0], "trials", UNFINISHED)
    assert sorted(trials["trial_number"]) == [0, 1, 2, 3]
    assert set(trials["outcome"]) <= {"completed", "stopped"}


def test_only_the_search_without_a_promotion_is_promoted(promoted):
    cwd, output = promoted
    assert f"from {UNFINISHED}" in output
    assert f"from {FINISHED}" not in output
    assert len(read_table(cwd / "ray_results", "verdicts")) >= 2
    assert "nothing to promote" in run(cwd, "tune.promote")


def test_a_finished_promotion_is_known_as_one(copied):
    said = run(copied, "tune.promote", "--resume", PROMOTION, code=2)
    assert f"a finished promotion does nothing more, found '{PROMOTION}'" in said
    said = run(copied, "tune.search", "--resume", PROMOTION, code=2)
    assert f"python -m tune.promote --resume {PROMOTION}" in said


def test_the_report_has_all_of_them(promoted):
    cwd, _ = promoted
    run(cwd, "analysis.report")
    log = (cwd / "report" / "RUNLOG.md").read_text(encoding="utf-8")
    assert UNFINISHED in log
    assert FINISHED in log
    cells = pd.read_csv(cwd / "report" / "tables" / "status_1.csv", index_col="architecture")
    for ratio in ("16x", "64x"):
        assert "full " in cells.loc["baseline", ratio]
        assert "quick " in cells.loc["baseline", ratio]


@pytest.mark.parametrize("study", [UNFINISHED, FINISHED, PROMOTION])
def test_the_doctor_finds_them_whole(resumed, study):
    assert "torn" not in run(resumed[0], "tune.doctor", study)


def test_the_status_counts_their_trials(promoted):
    status = run(promoted[0], "tune.status")
    assert "4/4 trials" in status
    assert "full " in status
