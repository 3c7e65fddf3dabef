"""The whole search with real Ray processes, on a corpus of a few synthetic patches."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.calibration import Units
from data.plan import PrepareOptions
from data.synthetic import Recipe, build_synthetic_corpus
from tune.tables import read_table

REPOSITORY = Path(__file__).parents[2]
QUICK = [
    "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8", "--precision",
    "fp32",
]  # fmt: skip

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """A corpus of 64 px patches from four small passes."""
    path = tmp_path_factory.mktemp("corpora") / "tiny"
    recipe = Recipe(num_passes=4, height_px=256, width_px=256)
    build_synthetic_corpus(
        path, recipe, PrepareOptions(patch_px=64, units=Units.INTENSITY), name="tiny"
    )
    return path


def start(*arguments: str, cwd: Path, sabotage: str | None = None) -> subprocess.Popen[str]:
    """Start a search; `sabotage` is Python that every process of it runs on import of site."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    if sabotage is not None:
        (cwd / "sitecustomize.py").write_text(sabotage)
        environment["PYTHONPATH"] = os.pathsep.join([str(cwd), str(REPOSITORY)])
    return subprocess.Popen(
        [sys.executable, "-m", "tune.search", "--no-dashboard", *arguments],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def search(*arguments: str, cwd: Path, sabotage: str | None = None) -> tuple[int, str, str]:
    """Run a search to its end; return exit code, output and error output."""
    process = start(*arguments, cwd=cwd, sabotage=sabotage)
    output, errors = process.communicate(timeout=200)
    return process.returncode, output, errors


@pytest.fixture(scope="module")
def finished(corpus, tmp_path_factory) -> tuple[Path, str]:
    """A finished study of five trials: its working folder and what the command printed."""
    cwd = tmp_path_factory.mktemp("finished")
    code, output, errors = search(
        *QUICK, "--data", str(corpus), "--data-fraction", "1", "--trials", "5", "--epochs", "4",
        "--grace-epochs", "1", "--reduction-factor", "2", "--name", "first", cwd=cwd,
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
    assert (first["learning_rate"], first["warmup_epochs"]) == (1e-4, 3)


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
    assert "block KLT" in finished[1]
    assert set(table(finished[0], "references")["reference"]) == {"block_klt", "down_up"}


def test_the_space_of_the_study_is_a_table(finished):
    space = table(finished[0], "dimensions")
    assert list(space["dimension"]) == ["learning_rate", "warmup_epochs", "base_channels"]
    assert list(space["is_log"]) == [True, False, False]
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
    config = str(finished[0] / "ray_results/first/study.toml")
    code, _, errors = search(
        "--config", config, "--name", "again", "--results", "ray_results", "--max-concurrent", "1",
        "--scheduler", "none", "--trials", "3", cwd=tmp_path,
    )  # fmt: skip
    assert code == 0, errors
    first, again = table(finished[0], "trials"), table(tmp_path, "trials")
    # With several workers the order of endings, and with it what TPE sees, differs: the random
    # start does not.
    np.testing.assert_array_equal(first["learning_rate"][:3], again["learning_rate"])


def test_an_equal_configuration_scores_equally_in_another_process(finished, corpus, tmp_path):
    hand_set = table(finished[0], "trials").iloc[0]
    done = subprocess.run(
        [
            sys.executable, "-m", "tune.train", *QUICK, "--data", str(corpus), "--data-fraction",
            "1", "--epochs", "4", "--quiet",
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


SABOTAGE = """
import os, sys

def sabotage():
    import models.training as training
    import tune.trial as trial

    whole_session, whole_epochs = trial.open_session, training.train_epochs

    def open_session(spec):
        session = whole_session(spec)
        session.trial_number = spec.number
        return session

    def train_epochs(session):
        for result in whole_epochs(session):
            if result.epoch == 2:
                misbehave(session.trial_number)
            yield result

    def misbehave(number):
        if number == 0:
            raise RuntimeError("boom")
        if number == 1:
            os._exit(9)
        if number == 2:
            raise training.NonFiniteError(2, "train loss", float("nan"))
        if number == 3:
            raise MemoryError("no more")

    trial.open_session, training.train_epochs = open_session, train_epochs

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "tune.trainable":
            sys.meta_path.remove(self)
            sabotage()

sys.meta_path.insert(0, Finder())
"""
"""Makes the first four trials of a search misbehave in their second epoch, each in its own way."""


@pytest.fixture(scope="module")
def sabotaged(corpus, tmp_path_factory) -> tuple[Path, int, str]:
    """A study whose first four of six trials crash: its folder, exit code and error output."""
    cwd = tmp_path_factory.mktemp("sabotaged")
    code, _, errors = search(
        *QUICK, "--data", str(corpus), "--trials", "6", "--epochs", "3", "--scheduler", "none",
        cwd=cwd, sabotage=SABOTAGE,
    )  # fmt: skip
    return cwd, code, errors


@pytest.mark.parametrize(
    ("number", "outcome", "reason"),
    [
        (0, "failed", "RuntimeError: boom"),
        (1, "failed", "the worker process died"),
        (2, "diverged", "train loss is nan in epoch 2"),
        (3, "out_of_memory", "MemoryError: no more"),
    ],
)
def test_a_crashed_trial_has_its_outcome_and_reason_and_keeps_its_epoch(
    sabotaged, number, outcome, reason
):
    trial = table(sabotaged[0], "trials").set_index("trial_number").loc[number]
    assert trial["outcome"] == outcome
    assert trial["reason"].startswith(reason)
    epochs = table(sabotaged[0], "epochs")
    assert list(epochs.loc[epochs["trial_number"] == number, "epoch"]) == [1]


def test_a_search_goes_on_after_crashes_and_says_that_trials_failed(sabotaged):
    cwd, code, errors = sabotaged
    assert list(table(cwd, "trials")["outcome"][4:]) == ["completed", "completed"]
    assert code == 1
    assert "Traceback" not in errors


def test_ctrl_c_ends_the_search_cleanly(corpus, tmp_path):
    process = start(
        *QUICK, "--data", str(corpus), "--data-fraction", "1", "--trials", "50", "--epochs", "50",
        "--scheduler", "none", "--name", "long", cwd=tmp_path,
    )  # fmt: skip
    epochs = tmp_path / "ray_results/long/tables/epochs.parquet"
    deadline_s = time.monotonic() + 100
    while not epochs.exists() or len(pd.read_parquet(epochs)) == 0:
        assert time.monotonic() < deadline_s
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    trials = table(tmp_path, "trials")
    assert set(trials["outcome"]) <= {"interrupted", "completed"}
    assert "interrupted by SIGINT" in output
    assert trials["epochs_finished"].sum() == len(table(tmp_path, "epochs"))


def test_a_time_budget_ends_the_search_and_counts_as_done(corpus, tmp_path):
    code, _, errors = search(
        *QUICK, "--data", str(corpus), "--trials", "500", "--epochs", "3", "--hours", "0.005",
        cwd=tmp_path,
    )  # fmt: skip
    trials = table(tmp_path, "trials")
    assert code == 0, errors
    assert len(trials) < 500
    assert trials["outcome"].notna().all()


def test_a_second_study_tries_the_best_of_its_neighbour_first(finished, corpus):
    cwd = finished[0]
    code, _, errors = search(
        "--arch", "baseline", "--ratio", "32", "--crop-px", "32", "--precision", "fp32", "--data",
        str(corpus), "--trials", "2", "--epochs", "2", "--name", "second", cwd=cwd,
    )  # fmt: skip
    assert code == 0, errors
    trials = read_table(cwd / "ray_results", "trials")
    first, second = (trials[trials["study"] == name] for name in ("first", "second"))
    best = first.sort_values("best_val_psnr_db").iloc[-1]
    assert list(second["proposed_by"]) == ["hand_set", "neighbour:first"]
    assert second["learning_rate"].iloc[1] == best["learning_rate"]


def test_the_manifest_says_what_the_study_was_made_with(finished):
    manifest = json.loads((finished[0] / "ray_results/first/manifest.json").read_text())
    assert manifest["corpus"]["is_synthetic"]
    assert manifest["versions"]["torch"].startswith("2.13.0")
