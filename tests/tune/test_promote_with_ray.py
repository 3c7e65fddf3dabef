"""A promotion with real Ray processes, on a few synthetic patches."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tune.space.dimensions import LATENT_CHOICES
from tune.tables.files import find_tables, read_table
from tune.terminal.json_text import json_text

REPOSITORY = Path(__file__).parents[2]
PROMOTE = [
    "--top", "1", "--seeds", "1", "--epochs", "2", "--data-fraction", "0.2", "--test-images", "2",
]  # fmt: skip

pytestmark = pytest.mark.ray


def start(module: str, *arguments: str, cwd: Path) -> subprocess.Popen[str]:
    """Start a command in a session of its own, so that it can be killed with its workers."""
    return subprocess.Popen(
        [sys.executable, "-m", module, "--no-dashboard", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(module: str, *arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Run a command to its end; return exit code, output and error output."""
    process = start(module, *arguments, cwd=cwd)
    output, errors = process.communicate(timeout=200)
    return process.returncode, output, errors


def kill_after_first_epoch(process: subprocess.Popen[str], results: Path) -> None:
    """Kill a promotion once its journal knows a finished epoch."""
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s and process.poll() is None:
        journals = list(results.glob("*_full_*/journal"))
        if journals and b'"epoch:1"' in journals[0].read_bytes():
            break
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def ended_runs(names: list[str], events: list[dict]) -> list[dict]:
    """The runs that ended in this session, as rows."""
    return [event for name, event in zip(names, events, strict=True) if name == "run_ended"]


def test_a_killed_promotion_goes_on_to_verdicts_test_scores_codecs_and_pictures(
    make_search, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    make_search(20.0, 21.0, ratio=64, base_channels=4, range=["base_channels=4"])
    results = tmp_path / "ray_results"
    kill_after_first_epoch(start("tune.promote", *PROMOTE, cwd=tmp_path), results)
    code, output, words = run("tune.promote", *PROMOTE, "--json", cwd=tmp_path)
    assert code == 0, words
    assert "resumes baseline_full_0.125bpp_cr64x_" in words
    assert "python -m analysis.report" in words
    events = [json.loads(line) for line in output.splitlines()]
    names = [event.pop("event") for event in events]
    assert names[:2] == ["plan", "study_started"]
    assert set(names[2:-1]) <= {"run_started", "epoch", "run_ended", "note"}
    assert names[-1] == "study_ended"
    tables = next(results.glob("*_full_*/tables"))
    for told, table in ((events[-1]["verdicts"], "verdicts"), (ended_runs(names, events), "runs")):
        assert told
        rows = json.loads(json_text(pq.read_table(tables / f"{table}.parquet").to_pylist()))
        assert [row for row in told if row not in rows] == []
    assert len(find_tables(results, "runs")) == 1

    runs = read_table(results, "runs")
    assert sorted(runs["candidate"]) == ["c1", "control"]
    assert (runs["outcome"] == "completed").all()
    assert (runs["mode"] == "full").all()
    models = runs.set_index("candidate")[["rate_target_bpp", "linear_path", "latent_channels"]]
    assert tuple(models.loc["c1"]) == (0.125, True, LATENT_CHOICES[64][1])
    assert math.isnan(models.loc["control", "rate_target_bpp"])
    assert tuple(models.loc["control"][1:]) == (False, 4)
    assert set(runs["rate"]) == {"bytes"}
    validation = read_table(results, "validation")
    assert set(validation["run"]) == set(runs["run"])
    verdicts = read_table(results, "verdicts")
    assert set(verdicts["candidate"]) == {"c1", "control"}
    assert list(verdicts["num_seeds"]) == [1, 1]
    test = read_table(results, "test")
    assert set(test["run"]) == set(runs["run"])
    assert test["image"].nunique() == 2
    assert set(test["step_scale"].dropna()) == {0.7, 1.0, 1.4}
    assert set(test["rate_target_bpp"]) == {0.125}
    codecs = read_table(results, "codecs")
    assert {"jpeg2000", "block_klt", "down_up"} <= set(codecs["codec"])
    assert set(codecs["image"]) == set(test["image"])
    pictures = read_table(results, "pictures")
    assert set(pictures["chosen_as"]) == {
        "best", "upper_quartile", "median", "lower_quartile", "worst",
    }  # fmt: skip
