"""A round trip through the real MLflow: what it reads back is what the tables hold."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pandas as pd
import pytest

import analysis
from analysis.exports.mlflow_store import export_mlflow
from analysis.exports.tracked_runs import tracked_runs
from tune.errors import UsageError

# Of MLflow with SQLAlchemy 2.1; only whoever asks for deprecations sees it.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]


@pytest.fixture(scope="module")
def begun(recorded_results):
    """A finished and an unfinished search and a promotion of the first, really run."""
    return analysis.load(recorded_results.parent / "begun" / "ray_results")


@pytest.fixture(scope="module")
def empty_store(begun, tmp_path_factory):
    """A store without a run: making its tables takes MLflow seconds."""
    out = tmp_path_factory.mktemp("empty")
    export_mlflow(replace(begun, trials=begun.trials[:0], runs=begun.runs[:0])).write(out)
    return out / "mlflow.db"


@pytest.fixture
def new(empty_store, tmp_path):
    """A folder with a store without a run."""
    shutil.copy(empty_store, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def exported(begun, empty_store, tmp_path_factory):
    """A folder with the store of all of them; to be read only."""
    out = tmp_path_factory.mktemp("exported")
    shutil.copy(empty_store, out)
    export_mlflow(begun).write(out)
    return out


@pytest.fixture
def store(exported, tmp_path):
    """A folder with a copy of that store."""
    shutil.copy(exported / "mlflow.db", tmp_path)
    return tmp_path


def client_of(out):
    from mlflow.tracking import MlflowClient

    return MlflowClient(f"sqlite:///{out / 'mlflow.db'}")


def runs_of(out):
    """All runs that are not deleted, by name."""
    client = client_of(out)
    found = client.search_runs([one.experiment_id for one in client.search_experiments()])
    assert max(Counter(run.info.run_name for run in found).values(), default=0) <= 1
    return {run.info.run_name: run for run in found}


def content(out):
    """Everything in the store."""
    with sqlite3.connect(out / "mlflow.db") as connection:
        lines = sorted(connection.iterdump())
    connection.close()
    return lines


def changed(frames, table, trial, **values):
    """Frames with other values of one trial."""
    frame = getattr(frames, table).copy()
    for column, value in values.items():
        frame.loc[frame["trial"] == trial, column] = value
    return replace(frames, **{table: frame})


def without(frames, trial):
    """Frames in which a trial has not begun yet."""
    kept = {name: getattr(frames, name) for name in ("trials", "epochs")}
    return replace(frames, **{name: rows[rows["trial"] != trial] for name, rows in kept.items()})


def test_every_study_is_an_experiment_and_every_trial_one_run(exported, begun):
    client = client_of(exported)
    names = {one.experiment_id: one.name for one in client.search_experiments()}
    assert {*names.values()} - {"Default"} == set(begun.studies)
    runs = runs_of(exported)
    assert {name: names[run.info.experiment_id] for name, run in runs.items()} == {
        run.name: run.study for run in tracked_runs(begun)
    }


def test_an_experiment_says_which_code_made_it(exported, begun):
    experiment = client_of(exported).get_experiment_by_name("finished_search")
    assert experiment.tags["commit"] == begun.manifests["finished_search"]["commit"]


def test_metrics_by_epoch_are_the_table_of_epochs(exported, begun):
    client = client_of(exported)
    for name, run in runs_of(exported).items():
        rows = begun.epochs[begun.epochs["trial"] == name]
        for column in ("val_psnr_db", "train_loss", "samples_per_s"):
            history = client.get_metric_history(run.info.run_id, column)
            history.sort(key=lambda metric: metric.step)
            assert [one.step for one in history] == rows["epoch"].tolist()
            assert [one.value for one in history] == rows[column].tolist()
            times = pd.to_datetime([one.timestamp for one in history], unit="ms", utc=True)
            assert (abs(times - rows["recorded_at"].array) < pd.Timedelta("1ms")).all()


def test_parameters_read_back_as_the_configuration(exported, begun):
    run = runs_of(exported)["finished_search_t001"]
    (row,) = begun.trials[begun.trials["trial"] == "finished_search_t001"].to_dict("records")
    assert float(run.data.params["learning_rate"]) == row["learning_rate"]
    assert run.data.params["arch"] == row["arch"]
    assert run.data.params["linear_path"] == "False"
    assert "micro_batch" not in run.data.params


def test_the_outcome_is_a_tag_and_a_status(exported):
    runs = runs_of(exported)
    told = {
        name: (runs[name].data.tags["outcome"], runs[name].info.status)
        for name in ("finished_search_t000", "finished_search_t001", "unfinished_search_t000")
    }
    assert told == {
        "finished_search_t000": ("completed", "FINISHED"),
        "finished_search_t001": ("stopped", "FINISHED"),
        "unfinished_search_t000": ("running", "RUNNING"),
    }
    assert "is below" in runs["finished_search_t001"].data.tags["reason"]


def test_a_crash_has_failed_and_an_interrupted_trial_was_killed(begun, store):
    frames = changed(begun, "trials", "finished_search_t000", outcome="out_of_memory")
    frames = changed(frames, "trials", "finished_search_t001", outcome="interrupted")
    export_mlflow(frames).write(store)
    runs = runs_of(store)
    assert runs["finished_search_t000"].info.status == "FAILED"
    assert runs["finished_search_t001"].info.status == "KILLED"


def test_the_best_score_stands_at_its_epoch(exported, begun):
    client = client_of(exported)
    (row,) = begun.trials[begun.trials["trial"] == "finished_search_t000"].to_dict("records")
    run = runs_of(exported)["finished_search_t000"]
    (best,) = client.get_metric_history(run.info.run_id, "best_val_psnr_db")
    assert (best.step, best.value) == (row["best_epoch"], row["best_val_psnr_db"])


def test_a_promoted_run_says_where_it_comes_from(exported):
    (run,) = (one for one in runs_of(exported).values() if "candidate" in one.data.tags)
    assert run.data.tags["candidate"] == "control"
    assert run.data.metrics["val_psnr_db"] > 0


def test_a_second_export_changes_nothing(begun, store):
    before = content(store)
    said = export_mlflow(begun).write(store)
    assert said.startswith("0 runs written, 4 already there")
    assert content(store) == before


def test_a_study_that_has_grown_is_extended(begun, new):
    export_mlflow(without(begun, "finished_search_t001")).write(new)
    first = runs_of(new)
    assert "finished_search_t001" not in first
    said = export_mlflow(begun).write(new)
    assert said.startswith("1 runs written, 3 already there")
    second = runs_of(new)
    assert set(second) - set(first) == {"finished_search_t001"}
    assert all(second[name].info.run_id == first[name].info.run_id for name in first)


def test_a_running_trial_gets_its_further_epochs_and_its_end(begun, new):
    name = "finished_search_t000"
    early = changed(begun, "trials", name, outcome=None, ended_at=pd.NaT)
    is_late = (early.epochs["trial"] == name) & (early.epochs["epoch"] > 1)
    export_mlflow(replace(early, epochs=early.epochs[~is_late])).write(new)
    running = runs_of(new)[name]
    assert running.info.status == "RUNNING"
    export_mlflow(begun).write(new)
    ended = runs_of(new)[name]
    assert (ended.info.run_id, ended.info.status) == (running.info.run_id, "FINISHED")
    history = client_of(new).get_metric_history(ended.info.run_id, "val_psnr_db")
    assert sorted(one.step for one in history) == [1, 2]


def test_an_interrupted_trial_that_runs_again_has_no_reason_any_more(begun, store):
    name = "finished_search_t001"
    export_mlflow(changed(begun, "trials", name, outcome="interrupted", reason="a key")).write(
        store
    )
    assert runs_of(store)[name].data.tags["reason"] == "a key"
    export_mlflow(changed(begun, "trials", name, outcome=None, reason=None)).write(store)
    assert runs_of(store)[name].data.tags["reason"] == ""
    assert runs_of(store)[name].info.status == "RUNNING"


def test_another_setting_makes_another_run_in_the_place_of_the_old(begun, store):
    name = "finished_search_t000"
    old = runs_of(store)[name].info.run_id
    export_mlflow(changed(begun, "trials", name, batch_size=2)).write(store)
    run = runs_of(store)[name]
    assert run.info.run_id != old
    assert run.data.params["batch_size"] == "2"
    assert run.data.metrics["val_psnr_db"] > 0


def test_an_export_that_was_killed_within_a_run_is_finished_by_the_next(begun, store):
    client = client_of(store)
    run = runs_of(store)["finished_search_t000"]
    client.delete_tag(run.info.run_id, "export_digest")
    before = runs_of(store)
    said = export_mlflow(begun).write(store)
    assert said.startswith("1 runs written")
    after = runs_of(store)
    assert {name: one.info.run_id for name, one in after.items()} == {
        name: one.info.run_id for name, one in before.items()
    }
    assert len(client.get_metric_history(run.info.run_id, "val_psnr_db")) == 2


def test_what_was_deleted_in_mlflow_comes_back(begun, store):
    client = client_of(store)
    client.delete_run(runs_of(store)["finished_search_t000"].info.run_id)
    client.delete_experiment(client.get_experiment_by_name("unfinished_search").experiment_id)
    export_mlflow(begun).write(store)
    assert set(runs_of(store)) == {run.name for run in tracked_runs(begun)}


def test_names_and_reasons_of_any_kind_read_back(begun, empty_store, tmp_path):
    name, reason = "a 'b' [c] % ä\"; drop table runs", "line\nline " + "x" * 9000
    trials = begun.trials.replace("finished_search", name)
    trials = trials.assign(reason=reason, corpus="[/red] %s {}")
    out = tmp_path / "blank ä [b] % #"
    out.mkdir()
    shutil.copy(empty_store, out)
    export_mlflow(replace(begun, trials=trials)).write(out)
    experiment = client_of(out).get_experiment_by_name(name)
    runs = client_of(out).search_runs([experiment.experiment_id])
    assert {run.data.params["corpus"] for run in runs} == {"[/red] %s {}"}
    assert all(reason.startswith(run.data.tags["reason"]) for run in runs)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_question_mark_in_the_path_is_refused(begun, tmp_path):
    with pytest.raises(UsageError, match=r"takes no \? in its path"):
        export_mlflow(begun).write(tmp_path / "what?")


def test_a_file_that_is_no_store_is_refused_and_kept(begun, tmp_path):
    (tmp_path / "mlflow.db").write_text("my own notes\n" * 100, encoding="utf-8")
    with pytest.raises(UsageError, match="must be a store of this release of MLflow"):
        export_mlflow(begun).write(tmp_path)
    assert (tmp_path / "mlflow.db").read_text(encoding="utf-8") == "my own notes\n" * 100


def test_more_metrics_than_mlflow_takes_at_once_all_arrive(begun, new):
    is_one = begun.epochs["trial"] == "finished_search_t001"
    (row,) = begun.epochs[is_one].to_dict("records")
    epochs = pd.DataFrame([{**row, "epoch": epoch} for epoch in range(1, 101)])
    trials = begun.trials[begun.trials["trial"] == "finished_search_t001"]
    frames = replace(begun, trials=trials, epochs=epochs, runs=begun.runs.iloc[:0])
    export_mlflow(frames).write(new)
    (run,) = runs_of(new).values()
    history = client_of(new).get_metric_history(run.info.run_id, "val_loss")
    assert sorted(one.step for one in history) == list(range(1, 101))


def test_variables_of_the_shell_lead_nowhere_else_and_stay(begun, new, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{new}/other.db")
    export_mlflow(without(begun, "finished_search_t001")).write(new)
    assert {path.name for path in new.iterdir()} == {"mlflow.db"}
    assert os.environ["MLFLOW_TRACKING_URI"].endswith("other.db")
    assert "MLFLOW_DISABLE_TELEMETRY" not in os.environ


def test_nothing_is_left_in_the_home_or_the_working_folder(recorded_results, empty_store, tmp_path):
    """MLflow would report its use, and keep an identifier of the installation for it."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    (work / "out").mkdir(parents=True)
    shutil.copy(empty_store, work / "out")
    results = recorded_results.parent / "begun" / "ray_results"
    code = (
        "import analysis; from pathlib import Path\n"
        "from analysis.exports.mlflow_store import export_mlflow\n"
        f"export_mlflow(analysis.load({str(results)!r})).write(Path('out'))\n"
    )
    # Without PYTEST_... and CI, by which MLflow knows a test and keeps quiet by itself.
    clean = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=clean, cwd=work, check=True)
    assert list(home.rglob("*mlflow*")) == []
    assert [path.relative_to(work).as_posix() for path in sorted(work.rglob("*"))] == [
        "out",
        "out/mlflow.db",
    ]
