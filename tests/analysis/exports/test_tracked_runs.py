"""What a tracker is told of a trial is what the tables hold, and nothing else."""

import dataclasses
import math

import pandas as pd
import pytest

import analysis
from analysis.exports.tracked_runs import SETTINGS, tracked_runs


@pytest.fixture(scope="module")
def begun(recorded_results):
    """A finished and an unfinished search and a promotion of the first, really run."""
    return analysis.load(recorded_results.parent / "begun" / "ray_results")


@pytest.fixture(scope="module")
def runs(begun):
    return {run.name: run for run in tracked_runs(begun)}


def test_every_trial_and_promoted_run_is_there_once(runs, begun):
    assert set(runs) == {*begun.trials["trial"], *begun.runs["run"]}
    assert len(tracked_runs(begun)) == len(begun.trials) + len(begun.runs)


def test_epochs_are_those_of_the_table(runs, begun):
    run = runs["finished_search_t000"]
    rows = begun.epochs[begun.epochs["trial"] == run.name]
    assert [one.epoch for one in run.epochs] == [1, 2]
    assert [one.measures["val_psnr_db"] for one in run.epochs] == rows["val_psnr_db"].tolist()
    assert [one.recorded_at for one in run.epochs] == rows["recorded_at"].tolist()


def test_a_promoted_run_has_its_epochs_and_its_origin(runs):
    (run,) = (run for run in runs.values() if run.origin)
    assert run.origin == {"candidate": "control"}
    assert [one.epoch for one in run.epochs] == [1, 2]


def test_what_the_tables_lack_is_left_out(runs):
    run = runs["finished_search_t000"]
    assert "micro_batch" not in run.settings
    assert "best_val_ms_ssim" not in run.best
    assert "rate_bpp" not in run.epochs[0].measures


def test_settings_are_plain_values_that_say_how_it_was_trained(runs):
    settings = runs["finished_search_t001"].settings
    assert set(settings) <= set(SETTINGS)
    assert {type(value) for value in settings.values()} == {str, int, float, bool}
    assert settings["proposed_by"] == "searcher"
    assert settings["base_channels"] == 4


def test_a_running_trial_says_so(runs):
    run = runs["unfinished_search_t000"]
    assert (run.outcome, run.reason, run.ended_at, run.epochs) == ("running", "", None, ())
    assert run.best == {}


def test_a_score_that_is_no_finite_number_is_left_out(begun):
    epochs = begun.epochs.assign(train_loss=math.inf)
    frames = dataclasses.replace(begun, epochs=epochs)
    measured = [one.measures for run in tracked_runs(frames) for one in run.epochs]
    assert measured
    assert not any("train_loss" in measures for measures in measured)


def test_without_trials_there_is_no_run(begun):
    empty = {name: getattr(begun, name).iloc[:0] for name in ("trials", "epochs", "runs")}
    assert tracked_runs(dataclasses.replace(begun, **empty)) == ()


def test_crashes_and_rejections_have_failed_and_stops_have_not(recorded):
    failed = {run.outcome for run in tracked_runs(recorded) if run.has_failed}
    others = {run.outcome for run in tracked_runs(recorded) if not run.has_failed}
    assert failed == {"diverged", "failed", "out_of_memory"}
    assert others == {"completed", "stopped", "running"}


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("trials", "outcome", "failed"),
        ("trials", "learning_rate", 0.5),
        ("epochs", "val_psnr_db", 1.0),
        ("trials", "ended_at", pd.Timestamp("2030-01-01", tz="UTC")),
    ],
)
def test_the_digest_changes_with_anything_and_else_stays(begun, runs, table, column, value):
    changed = getattr(begun, table).copy()
    changed.loc[changed["trial"] == "finished_search_t000", column] = value
    after = {run.name: run for run in tracked_runs(dataclasses.replace(begun, **{table: changed}))}
    is_other = {name for name in runs if runs[name].digest != after[name].digest}
    assert is_other == {"finished_search_t000"}
