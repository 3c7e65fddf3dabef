"""Offline runs of the real W&B, read back with its own messages."""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd
import psutil
import pytest

import analysis
from analysis.exports.tracked_runs import tracked_runs
from analysis.exports.wandb_runs import export_wandb, identifier

pytestmark = pytest.mark.slow

_BLOCK, _HEADER = 32 * 1024, 7


@dataclass
class ReadRun:
    """What a run's file says when its records are applied in order."""

    fields: object = None
    config: dict = field(default_factory=dict)
    history: dict = field(default_factory=lambda: defaultdict(dict))
    summary: dict = field(default_factory=dict)
    exit_code: int | None = None


def records(path: Path) -> Iterator[bytes]:
    """The records of a file: LevelDB's log format, behind a header of seven bytes."""
    content, at, parts = path.read_bytes(), _HEADER, b""
    assert content[:4] == b":W&B"
    while at + _HEADER <= len(content):
        if _BLOCK - at % _BLOCK < _HEADER:
            at += _BLOCK - at % _BLOCK
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + _HEADER])
        parts += content[at + _HEADER : at + _HEADER + length]
        at += _HEADER + length
        if kind in {1, 4}:  # whole, or the last part
            yield parts
            parts = b""
    assert (at, parts) == (len(content), b"")


def read(path: Path) -> ReadRun:
    from wandb.proto.wandb_internal_pb2 import Record

    found = ReadRun()
    for content in records(path):
        record = Record.FromString(content)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found.fields = record.run
            found.config = {one.key: json.loads(one.value_json) for one in record.run.config.update}
        elif kind == "history":
            found.history[record.history.step.num] |= values(record.history.item)
        elif kind == "summary":
            found.summary |= values(record.summary.update)
        elif kind == "exit":
            found.exit_code = record.exit.exit_code
    return found


def values(items) -> dict:
    return {one.key or "/".join(one.nested_key): json.loads(one.value_json) for one in items}


def runs_of(out: Path) -> dict[str, ReadRun]:
    """All runs of an export, by name; each must be there once."""
    found = [read(path) for path in (out / "wandb").glob("offline-run-*/run-*.wandb")]
    runs = {run.fields.display_name: run for run in found}
    assert len(runs) == len(found)
    return runs


def snapshot(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in out.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def begun(recorded_results):
    """A finished and an unfinished search and a promotion of the first, really run."""
    return analysis.load(recorded_results.parent / "begun" / "ray_results")


@pytest.fixture(scope="module")
def exported(begun, tmp_path_factory):
    """A folder with the runs of them; to be read only."""
    out = tmp_path_factory.mktemp("exported")
    export_wandb(begun).write(out)
    return out


@pytest.fixture(scope="module")
def runs(exported):
    return runs_of(exported)


@pytest.fixture
def copied(exported, tmp_path):
    """A folder with copies of those runs."""
    shutil.copytree(exported, tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path


def changed(frames, trial, **values):
    trials = frames.trials.copy()
    for column, value in values.items():
        trials.loc[trials["trial"] == trial, column] = value
    return replace(frames, trials=trials)


def test_every_trial_and_promoted_run_is_one_run_of_its_study(runs, begun):
    assert {name: run.fields.run_group for name, run in runs.items()} == {
        run.name: run.study for run in tracked_runs(begun)
    }
    assert {run.fields.project for run in runs.values()} == {"sar-tune"}


def test_history_by_epoch_is_the_table_of_epochs(runs, begun):
    for name, run in runs.items():
        rows = begun.epochs[begun.epochs["trial"] == name]
        assert list(run.history) == rows["epoch"].tolist()
        for column in ("val_psnr_db", "train_loss", "samples_per_s"):
            assert [step[column] for step in run.history.values()] == rows[column].tolist()
        seconds = [stamp.timestamp() for stamp in rows["recorded_at"]]
        assert [step["_timestamp"] for step in run.history.values()] == pytest.approx(seconds)


def test_the_configuration_reads_back_with_its_types(runs, begun):
    name = "finished_search_t001"
    (row,) = begun.trials[begun.trials["trial"] == name].to_dict("records")
    config = runs[name].config
    for column in ("learning_rate", "arch", "base_channels", "linear_path", "corpus_fingerprint"):
        assert config[column] == row[column]
    assert config["started_at"] == row["started_at"].isoformat()
    assert "micro_batch" not in config


def test_the_outcome_is_a_tag_and_the_reason_a_note(runs):
    assert {name: list(run.fields.tags) for name, run in runs.items()} == {
        "finished_search_t000": ["completed"],
        "finished_search_t001": ["stopped"],
        "unfinished_search_t000": ["running"],
        "baseline_full_c4_cr64x_20261128_043837_control_s0": ["completed"],
    }
    assert "is below" in runs["finished_search_t001"].fields.notes


def test_the_best_score_is_in_the_summary(runs, begun):
    name = "finished_search_t000"
    (row,) = begun.trials[begun.trials["trial"] == name].to_dict("records")
    assert runs[name].summary["best_val_psnr_db"] == row["best_val_psnr_db"]
    assert runs[name].summary["best_epoch"] == row["best_epoch"]
    assert runs[name].summary["outcome"] == "completed"


def test_only_a_crash_ends_with_an_error(begun, copied):
    export_wandb(changed(begun, "finished_search_t000", outcome="diverged")).write(copied)
    codes = {name: run.exit_code for name, run in runs_of(copied).items()}
    assert codes.pop("finished_search_t000") == 1
    assert set(codes.values()) == {0}


def test_a_second_export_changes_nothing(begun, copied):
    before = snapshot(copied)
    said = export_wandb(begun).write(copied)
    assert said.startswith("0 runs written, 4 already there")
    assert snapshot(copied) == before


def test_a_run_that_has_changed_is_written_anew_as_the_same_run(begun, copied):
    name = "unfinished_search_t000"
    before = runs_of(copied)[name].fields.run_id
    said = export_wandb(changed(begun, name, outcome="completed")).write(copied)
    assert said.startswith("1 runs written, 3 already there")
    after = runs_of(copied)[name].fields
    assert (after.run_id, list(after.tags)) == (before, ["completed"])


def test_a_run_that_an_export_was_killed_in_is_written_anew(begun, copied):
    (folder,) = (copied / "wandb").glob(f"*-{identifier(tracked_runs(begun)[0])}")
    (folder / "export.json").unlink()
    said = export_wandb(begun).write(copied)
    assert said.startswith("1 runs written, 3 already there")
    assert len(runs_of(copied)) == 4


def test_what_a_person_put_into_the_folder_of_a_run_stays_when_it_is_written_anew(begun, copied):
    name = "unfinished_search_t000"
    (run,) = (one for one in tracked_runs(begun) if one.name == name)
    (folder,) = (copied / "wandb").glob(f"*-{identifier(run)}")
    (folder / "files" / "notes.md").write_text("mine", encoding="utf-8")
    export_wandb(changed(begun, name, outcome="completed")).write(copied)
    assert (folder / "files" / "notes.md").read_text(encoding="utf-8") == "mine"
    assert len(runs_of(copied)) == 4
    said = export_wandb(changed(begun, name, outcome="completed")).write(copied)
    assert said.startswith("0 runs written, 4 already there")


def test_identifiers_differ_wherever_runs_do(begun, recorded):
    everything = [*tracked_runs(begun), *tracked_runs(recorded)]
    names = {(run.study, run.name) for run in everything}
    assert len({identifier(run) for run in everything}) == len(names)


def test_names_and_reasons_of_any_kind_read_back(begun, tmp_path):
    name, reason = "a 'b' [c] % ä\"; ?#", "line\nline " + "x" * 40_000
    trials = begun.trials.replace("finished_search", name).assign(reason=reason, corpus="[/red] %s")
    out = tmp_path / "blank ä [b] % #?"
    out.mkdir()
    export_wandb(replace(begun, trials=trials)).write(out)
    runs = runs_of(out)
    assert {run.fields.notes for run in runs.values()} == {reason, ""}
    assert name in {run.fields.run_group for run in runs.values()}
    assert {run.config["corpus"] for run in runs.values()} == {"[/red] %s", "tiny"}


def test_a_long_history_is_whole(begun, tmp_path):
    is_one = begun.epochs["trial"] == "finished_search_t001"
    (row,) = begun.epochs[is_one].to_dict("records")
    epochs = pd.DataFrame(
        [{**row, "epoch": epoch, "val_loss": 1 / epoch} for epoch in range(1, 301)]
    )
    trials = begun.trials[begun.trials["trial"] == "finished_search_t001"]
    frames = replace(begun, trials=trials, epochs=epochs, runs=begun.runs.iloc[:0])
    export_wandb(frames).write(tmp_path)
    (run,) = runs_of(tmp_path).values()
    losses = {epoch: step["val_loss"] for epoch, step in run.history.items()}
    assert losses == {epoch: 1 / epoch for epoch in range(1, 301)}


def test_variables_of_the_shell_lead_nowhere_else_and_stay(begun, tmp_path, monkeypatch):
    elsewhere = {
        "WANDB_MODE": "disabled",
        "WANDB_DIR": str(tmp_path / "elsewhere"),
        "WANDB_PROJECT": "theirs",
        "WANDB_RUN_ID": "theirs",
        "WANDB_TAGS": "theirs",
        "WANDB_API_KEY": "0" * 40,
    }
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "out"
    out.mkdir()
    export_wandb(begun).write(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    runs = runs_of(out)
    assert len(runs) == 4
    assert {run.fields.project for run in runs.values()} == {"sar-tune"}
    assert {name: os.environ[name] for name in elsewhere} == elsewhere
    assert "WANDB_ERROR_REPORTING" not in os.environ


def test_nothing_of_this_machine_is_in_a_run(runs):
    for run in runs.values():
        assert run.fields.host == ""
        assert not run.fields.HasField("git")


def test_no_process_of_wandb_is_left(exported):
    children = psutil.Process().children(recursive=True)
    assert [child for child in children if "wandb" in child.name()] == []


def test_nothing_is_left_in_the_home_or_the_working_folder(recorded_results, tmp_path):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    (work / "out").mkdir(parents=True)
    results = recorded_results.parent / "begun" / "ray_results"
    code = (
        "import analysis; from pathlib import Path\n"
        "from analysis.exports.wandb_runs import export_wandb\n"
        f"export_wandb(analysis.load({str(results)!r})).write(Path('out'))\n"
    )
    clean = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], env=clean, cwd=work, check=True)
    assert [path for path in home.rglob("*") if "wandb" in path.name] == []
    assert [path.name for path in work.iterdir()] == ["out"]
    assert [path.name for path in (work / "out").iterdir()] == ["wandb"]
