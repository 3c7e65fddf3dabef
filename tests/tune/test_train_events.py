"""`--json` of `tune.train`: the events of a search of one trial, equal to the tables."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tune.read_events import named, table_rows
from tune import train

REPOSITORY = Path(__file__).parents[2]
TRAINING = [
    "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8", "--precision",
    "fp32", "--data-fraction", "1", "--json",
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tiny_corpus, tmp_path_factory):
    """Train three epochs for real; return events, words and the study's folder."""
    cwd = tmp_path_factory.mktemp("training")
    flags = ["--epochs", "3", "--name", "first", "--data", tiny_corpus, "--results", "of may"]
    done = subprocess.run(
        [sys.executable, "-m", "tune.train", *TRAINING, *flags],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(map(json.loads, done.stdout.splitlines())), done.stderr, cwd / "of may" / "first"


@pytest.mark.slow
def test_events_come_in_their_order(finished):
    names = [event["event"] for event in finished[0]]
    assert names == [
        "plan", "study_started", "trial_started", *["epoch"] * 3, "trial_ended", "study_ended",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("event", "table"), [("epoch", "epochs"), ("trial_ended", "trials")])
def test_every_line_is_a_row_of_the_table(finished, event, table):
    events, _, study = finished
    assert named(events, event) == table_rows(study, table)


@pytest.mark.slow
def test_the_plan_has_the_values_that_were_given(finished):
    (plan,) = named(finished[0], "plan")
    assert (plan["arch"], plan["num_planned"], plan["max_epochs"]) == ("baseline", 1, 3)
    (given,) = plan["known"]
    assert (given["proposed_by"], given["batch_size"]) == ("given", 8)
    (row,) = named(finished[0], "trial_ended")
    assert given.items() <= row.items()


@pytest.mark.slow
def test_the_end_has_the_row_of_the_trial_and_the_exit_code(finished):
    events, _, study = finished
    (end,) = named(events, "study_ended")
    (row,) = table_rows(study, "trials")
    del row["concurrent_with"]
    assert end == {
        "study": "first",
        "folder": "of may/first",
        "outcomes": {"completed": 1},
        "epochs_spent": 3,
        "best": row,
        "interruption": None,
        "exit_code": 0,
    }


@pytest.mark.slow
def test_words_go_to_standard_error(finished):
    assert "epoch   3/3" in finished[1]
    assert "wrote of may/first" in finished[1]
    assert "next: python -m tune.status --results 'of may'" in finished[1]


@pytest.fixture
def events_of(tiny_corpus, tmp_path, monkeypatch, make_epoch, capsys):
    """Run the command on a training of these epochs that then raises; return code and events."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("models.training.precision.prepare_process", lambda: True)

    def run(error: BaseException | None, *epochs: int, data: Path = tiny_corpus):
        def train_epochs(_session: object):
            for epoch in epochs:
                yield make_epoch(epoch, 20.0)
            if error is not None:
                raise error

        monkeypatch.setattr("tune.trial.run.train_epochs", train_epochs)
        try:
            code = train.main([*TRAINING, "--data", str(data), "--quiet", "--epochs", "2"])
        except RuntimeError as defect:
            code = defect
        return code, list(map(json.loads, capsys.readouterr().out.splitlines()))

    return run


def test_an_interrupted_training_says_so_at_its_end(events_of):
    code, events = events_of(KeyboardInterrupt(), 1)
    (end,) = named(events, "study_ended")
    assert (code, end["exit_code"]) == (130, 130)
    assert end["interruption"] == "interrupted by SIGINT"
    assert end["outcomes"] == {"interrupted": 1}


def test_epochs_of_an_earlier_session_are_not_told_again(events_of):
    _, first = events_of(KeyboardInterrupt(), 1)
    _, second = events_of(None, 2)
    assert [one["epoch"] for one in named(second, "epoch")] == [2]
    assert named(second, "plan")[0]["resumes"] == named(first, "study_started")[0]["study"]
    assert named(second, "study_ended")[0]["epochs_spent"] == 2


def test_a_training_without_a_finished_epoch_has_no_best(events_of):
    code, events = events_of(MemoryError("no more"))
    (end,) = named(events, "study_ended")
    assert (code, end["exit_code"], end["best"]) == (1, 1, None)
    assert end["outcomes"] == {"out_of_memory": 1}


def test_a_defect_ends_the_events_too(events_of):
    error, events = events_of(RuntimeError("boom"), 1)
    assert str(error) == "boom"
    assert events[-1]["event"] == "study_ended"
    assert (events[-1]["outcomes"], events[-1]["exit_code"]) == ({"failed": 1}, 1)


def test_a_mistake_is_an_event_with_its_exit_code(events_of):
    code, (error,) = events_of(None, data=Path("nowhere"))
    assert (code, error["event"], error["exit_code"]) == (2, "error", 2)
    assert error["message"].startswith("a corpus is a folder with corpus.json")
