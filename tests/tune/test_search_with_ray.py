"""The whole search with real Ray processes, on a corpus of a few synthetic patches."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

from tests.sabotage import sabotaged
from tune.config.resolve import Resolved
from tune.config.search import read_config
from tune.scheduling.sampler import Sampler
from tune.storage.journal import StudyJournal
from tune.study.plan import plan_study
from tune.tables.files import read_table
from tune.trial.session import open_corpus

REPOSITORY = Path(__file__).parents[2]
QUICK = [
    "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8", "--precision",
    "fp32",
]  # fmt: skip

pytestmark = pytest.mark.ray


def start(
    *arguments: str, cwd: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.Popen[str]:
    """Start a search, with variables beside ours."""
    return subprocess.Popen(
        [sys.executable, "-m", "tune.search", "--no-dashboard", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def search(
    *arguments: str, cwd: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[int, str, str]:
    """Run a search to its end; return exit code, output and error output."""
    process = start(*arguments, cwd=cwd, environment=environment)
    output, errors = process.communicate(timeout=200)
    return process.returncode, output, errors


@pytest.fixture(scope="module")
def finished(tiny_corpus, tmp_path_factory) -> tuple[Path, str]:
    """A finished study of five trials: its working folder and what the command printed."""
    cwd = tmp_path_factory.mktemp("finished")
    code, output, errors = search(
        *QUICK, "--data", str(tiny_corpus), "--data-fraction", "1", "--trials", "5", "--epochs",
        "4", "--grace-epochs", "1", "--reduction-factor", "2", "--name", "first", cwd=cwd,
    )  # fmt: skip
    assert code == 0, errors
    assert errors == ""
    return cwd, output


def table(cwd: Path, name: str) -> pd.DataFrame:
    return read_table(cwd / "ray_results", name)


def test_every_trial_ends_in_one_outcome_and_has_a_score(finished):
    trials = table(finished[0], "trials")
    assert len(trials) == 5
    assert set(trials["outcome"]) <= {"completed", "stopped"}
    assert trials["best_val_psnr_db"].notna().all()


def test_the_hand_set_point_is_the_first_trial(finished):
    first = table(finished[0], "trials").iloc[0]
    assert first["proposed_by"] == "hand_set"
    assert (first["learning_rate"], first["warmup_epochs"]) == (1e-3, 1)


def test_the_epochs_table_has_every_finished_epoch_once(finished):
    trials, epochs = table(finished[0], "trials"), table(finished[0], "epochs")
    counted = epochs.groupby("trial")["epoch"].agg(["count", "max"])
    expected = trials.set_index("trial")["epochs_finished"]
    assert (counted["count"] == expected).all()
    assert (counted["max"] == expected).all()


def test_all_best_values_of_a_trial_come_from_one_epoch(finished):
    trials, epochs = table(finished[0], "trials"), table(finished[0], "epochs")
    joined = trials.merge(
        epochs, left_on=["trial", "best_epoch"], right_on=["trial", "epoch"], suffixes=("", "_row")
    )
    assert len(joined) == 5
    for metric in ("psnr_db", "ssim", "mse", "loss"):
        np.testing.assert_array_equal(joined[f"best_val_{metric}"], joined[f"val_{metric}"])


def test_a_stopped_trial_has_the_rung_that_stopped_it(finished):
    trials, rungs = table(finished[0], "trials"), table(finished[0], "rungs")
    stopped = trials[trials["outcome"] == "stopped"]
    losers = rungs[~rungs["kept"]].set_index("trial")["rung_epoch"]
    assert losers.to_dict() == stopped.set_index("trial")["epochs_finished"].to_dict()


def test_synthetic_data_is_labelled_in_every_table_that_has_scores(finished):
    assert table(finished[0], "trials")["is_synthetic"].all()
    assert table(finished[0], "references")["is_synthetic"].all()
    assert "SYNTHETIC" in finished[1]


def test_the_reference_lines_are_printed_beside_the_result(finished):
    assert "coded block KLT" in finished[1]
    assert "JPEG2000 of the whole patches" in finished[1]
    assert set(table(finished[0], "references")["reference"]) == {"block_klt", "jpeg2000"}


def test_every_epoch_is_scored_at_the_rate_that_the_ratio_means(finished):
    trials, epochs = table(finished[0], "trials"), table(finished[0], "epochs")
    assert set(trials["rate"]) == {"bytes"}
    assert set(trials["rate_target_bpp"]) == set(epochs["rate_target_bpp"]) == {0.5}
    assert trials["linear_path"].all()
    np.testing.assert_allclose(epochs["rate_bpp"], 0.5, rtol=0.01)


def test_the_space_of_the_study_is_a_table(finished):
    space = table(finished[0], "dimensions")
    names = ["learning_rate", "warmup_epochs", "base_channels", "latent_channels"]
    assert list(space["dimension"]) == names
    assert list(space["is_log"]) == [True, False, False, False]
    assert table(finished[0], "importance").empty  # five trials are too few to say


def test_the_end_says_what_was_written_and_what_comes_next(finished):
    assert "wrote ray_results/first" in finished[1]
    assert "next: python -m tune.promote --study first" in finished[1]
    assert "python -m tune.train --arch baseline --ratio 16" in finished[1]


def test_checkpoints_of_the_best_trials_alone_are_kept(finished):
    trials = table(finished[0], "trials").sort_values("best_val_psnr_db", ascending=False)
    kept = {path.stem for path in (finished[0] / "ray_results/first/checkpoints").iterdir()}
    assert kept == set(trials["trial"].head(3))


def test_the_study_s_own_configuration_repeats_its_proposals(finished, tmp_path):
    config = read_config(finished[0] / "ray_results/first/study.toml")
    plan = plan_study(
        Resolved(replace(config, results=tmp_path), {}), open_corpus(str(config.data))
    )
    journal = StudyJournal.create(tmp_path / "journal", "again")
    sampler = Sampler(journal, plan.space.dimensions, plan.known, config.searcher, config.seed)
    again = [sampler.suggest().values["learning_rate"] for _ in range(3)]
    # What TPE suggests later depends on the order of endings; the random start does not.
    assert again == table(finished[0], "trials")["learning_rate"][:3].tolist()


def test_an_equal_configuration_scores_equally_in_another_process(finished, tiny_corpus, tmp_path):
    hand_set = table(finished[0], "trials").iloc[0]
    done = subprocess.run(
        [
            sys.executable, "-m", "tune.train", *QUICK, "--data", str(tiny_corpus),
            "--data-fraction", "1", "--epochs", "4", "--quiet",
        ],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stderr == ""
    # A rung may have stopped the hand-set trial early: its epochs are compared, not its last one.
    epochs = table(finished[0], "epochs")
    searched = epochs.loc[epochs["trial"] == hand_set["trial"], "val_psnr_db"].tolist()
    alone = table(tmp_path, "epochs")["val_psnr_db"].tolist()
    assert searched == alone[: len(searched)]


@pytest.fixture(scope="module")
def interrupted(tiny_corpus, tmp_path_factory) -> tuple[Path, int, str]:
    """A study with Ray's dashboard that was interrupted: its folder, exit code and output."""
    cwd = tmp_path_factory.mktemp("interrupted")
    process = start(
        *QUICK, "--data", str(tiny_corpus), "--data-fraction", "1", "--trials", "50", "--epochs",
        "50", "--scheduler", "none", "--name", "long", "--dashboard", cwd=cwd,
    )  # fmt: skip
    epochs = cwd / "ray_results/long/tables/epochs.parquet"
    said = []
    for line in process.stdout:  # to the dashboard, which comes up beside the trials
        said.append(line)
        if line.startswith("Ray dashboard:"):
            break
    deadline_s = time.monotonic() + 100
    while not epochs.exists() or len(pd.read_parquet(epochs)) == 0:
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert errors == ""
    return cwd, process.returncode, "".join(said) + output


def test_ctrl_c_ends_the_search_cleanly(interrupted):
    cwd, code, output = interrupted
    assert code == 130
    trials = table(cwd, "trials")
    assert set(trials["outcome"]) <= {"interrupted", "completed"}
    assert "interrupted by SIGINT" in output
    assert trials["epochs_finished"].sum() == len(table(cwd, "epochs"))


def test_the_dashboard_s_address_is_said(interrupted):
    # Ray gives it when the dashboard's server has come up.
    assert "Ray dashboard: http://127.0.0.1:" in interrupted[2]


LATER = """
on_every_epoch(lambda session, epoch: None)

def jump():
    import tune.trial.clock as clock

    whole = clock.StudyClock.elapsed_s.fget
    trained = STATE / "trained"

    def elapsed_s(self):
        is_later = trained.exists() and len(trained.read_text().splitlines()) > 6
        return whole(self) + 200 * is_later

    clock.StudyClock.elapsed_s = property(elapsed_s)

in_driver(jump)
"""
"""A search that runs for 200 s more when its seventh epoch has begun."""


@pytest.mark.nightly
def test_a_time_budget_ends_the_search_and_counts_as_done(tiny_corpus, tmp_path):
    code, _, errors = search(
        *QUICK, "--data", str(tiny_corpus), "--trials", "500", "--epochs", "3", "--hours", "0.05",
        cwd=tmp_path, environment=sabotaged(tmp_path, LATER),
    )  # fmt: skip
    trials = table(tmp_path, "trials")
    assert code == 0, errors
    assert len(trials) < 500
    assert trials["outcome"].notna().all()


def test_a_second_study_tries_the_best_of_its_neighbour_first(finished):
    results = finished[0] / "ray_results"
    config = read_config(results / "first/study.toml")
    # Another hand-set point than the first one's, which may be its best.
    second = replace(config, ratio=32, name=None, results=results, learning_rate=2e-3)
    plan = plan_study(Resolved(second, {}), open_corpus(str(config.data)))
    trials = table(finished[0], "trials")
    best = trials.sort_values("best_val_psnr_db").iloc[-1]
    assert [point.proposed_by for point in plan.known] == ["hand_set", "neighbour:first"]
    assert plan.known[1].values["learning_rate"] == best["learning_rate"]


def test_the_manifest_says_what_the_study_was_made_with(finished):
    manifest = json.loads((finished[0] / "ray_results/first/manifest.json").read_text())
    assert manifest["data"]["is_synthetic"]
    assert manifest["versions"]["torch"].startswith("2.13.0")
