"""Events for scripts: the rows of the tables, line by line, and nothing else."""

import io
import json
import math
import re
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.tune.conftest import moment
from tune import promote, search
from tune.outcomes import Outcome
from tune.space.points import Candidate
from tune.storage.recorder import Recorder
from tune.storage.run_rows import run_rows
from tune.storage.trial_rows import trial_rows
from tune.terminal.events import Events, events_of
from tune.terminal.json_text import json_text
from tune.trial.clock import StudyClock

PAGE = Path(__file__).parents[3] / "docs" / "TUNING.md"


class Silent:
    """A watcher that shows nothing and remembers what it was asked to show."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def begin(self, records) -> None:
        self.calls.append("begin")

    def update(self, records) -> None:
        self.calls.append("update")

    def show_start(self, record, records) -> None:
        self.calls.append("show_start")

    def show_end(self, record, records) -> None:
        self.calls.append("show_end")

    def say(self, sentence) -> None:
        self.calls.append(sentence)


def parsed(text: str) -> list[dict]:
    """Every line is one object, and its event is its first field."""
    events = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert all(next(iter(event)) == "event" for event in events)
    return events


def named(events: list[dict], name: str) -> list[dict]:
    """The fields of the events of a name, the name left out."""
    return [
        {field: value for field, value in event.items() if field != "event"}
        for event in events
        if event["event"] == name
    ]


def table_rows(folder: Path, name: str) -> list[dict]:
    """The rows of a table as a script would have them in JSON."""
    return json.loads(json_text(pq.read_table(folder / f"{name}.parquet").to_pylist()))


def watched(folder, facts, journal, make_spec, make_epoch, make_rows):
    """Run three trials or runs under a watcher; return the events and the other watcher."""
    file, inner = io.StringIO(), Silent()
    watcher = Events(file).watching(inner, facts, make_rows)
    recorder = Recorder(folder, facts, journal, StudyClock(), watcher.say, make_rows)
    trials = recorder.trials.values()
    watcher.begin(trials)
    for number, num_epochs in enumerate((2, 1, 3)):
        journal.study.ask()
        recorder.begin(make_spec(number))
        recorder.start(number)
        watcher.show_start(recorder.trials[number], trials)
        for epoch in range(1, num_epochs + 1):
            recorder.add_epoch(number, make_epoch(epoch, 20.0 + epoch / 3))
            watcher.update(trials)
    watcher.say("[red] is no colour")
    for number, outcome in enumerate((Outcome.COMPLETED, Outcome.FAILED, Outcome.STOPPED)):
        recorder.end(number, outcome, None if number == 0 else "why: 5 % [of] it")
        watcher.show_end(recorder.trials[number], trials)
    recorder.flush()
    return parsed(file.getvalue()), inner


def test_epochs_and_ends_of_a_search_are_the_rows_of_its_tables(
    study_folder, study_facts, journal, make_record, make_epoch
):
    events, inner = watched(
        study_folder,
        study_facts,
        journal,
        lambda number: make_record(number).spec,
        make_epoch,
        trial_rows,
    )
    assert named(events, "epoch") == table_rows(study_folder.tables, "epochs")
    assert named(events, "trial_ended") == table_rows(study_folder.tables, "trials")
    assert named(events, "note") == [{"message": "[red] is no colour"}]
    started = named(events, "trial_started")
    assert [row["trial_number"] for row in started] == [0, 1, 2]
    assert {row["outcome"] for row in started} == {None}
    assert len(events) == 3 + 6 + 3 + 1
    assert [call for call in inner.calls if call != "update"] == [
        "begin", *["show_start"] * 3, "[red] is no colour", *["show_end"] * 3,
    ]  # fmt: skip
    assert inner.calls.count("update") == 6


def test_runs_of_a_promotion_end_with_the_rows_of_their_own_table(
    study_folder, study_facts, journal, make_record, make_epoch
):
    candidates = [Candidate("c1", {}, 1, "s_t001", 20.0, 1.0, 0.1)]
    events, _ = watched(
        study_folder,
        study_facts,
        journal,
        lambda number: make_record(number, proposed_by="c1").spec,
        make_epoch,
        run_rows(candidates),
    )
    assert named(events, "run_ended") == table_rows(study_folder.tables, "runs")
    assert len(named(events, "run_started")) == 3
    assert named(events, "trial_ended") == []


def test_epochs_of_earlier_sessions_are_no_events(study_facts, make_record):
    file = io.StringIO()
    watcher = Events(file).watching(Silent(), study_facts, trial_rows)
    record = make_record(0, [20.0, 21.0], outcome=None)
    watcher.begin([record])
    watcher.update([record])
    assert file.getvalue() == ""
    record.epochs.append(record.epochs[0])
    record.reported.append(moment(3))
    watcher.update([record])
    watcher.update([record])
    assert len(parsed(file.getvalue())) == 1


def test_where_nobody_asked_the_watcher_is_left_alone(study_facts):
    inner = Silent()
    events = events_of(Namespace(json=False))
    assert events.watching(inner, study_facts, trial_rows) is inner
    events.write("plan", {})


def test_a_reader_that_goes_away_ends_the_events_and_not_the_command():
    script = """
import sys
from tune.terminal.events import Events
events = Events(sys.stdout)
for number in range(3):
    events.write("note", {"message": str(number)})
    sys.stdin.readline()
sys.exit(3)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PAGE.parents[1],
    ) as process:
        assert json.loads(process.stdout.readline())["message"] == "0"
        process.stdout.close()
        errors = process.communicate("\n\n\n")[1]
    assert process.returncode == 3
    assert errors == "note: nobody reads the events any more: the command continues\n"


def test_what_is_not_finite_is_null_and_a_time_is_iso():
    value = {"a": math.nan, "b": [math.inf, -math.inf, 1.5], "c": moment(1).at, "d": None}
    assert json.loads(json_text(value)) == {
        "a": None, "b": [None, None, 1.5], "c": "2026-01-01T00:00:01+00:00", "d": None,
    }  # fmt: skip


@pytest.fixture
def command(tiny_corpus, tmp_path, monkeypatch, capsys):
    """Run a command with --json; return code, events and error output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tune.study.estimate.prepare_process", lambda num_threads: True)

    def run(module, *arguments: str) -> tuple[int, list[dict], str]:
        code = module.main([*arguments, "--json"])
        captured = capsys.readouterr()
        return code, parsed(captured.out), captured.err

    return run


SEARCH = ["--dry-run", "--arch", "baseline", "--crop-px", "32", "--device", "cpu"]


def test_a_plan_and_its_cost_are_events_and_its_words_go_to_standard_error(command, tiny_corpus):
    code, events, errors = command(search, *SEARCH, "--data", str(tiny_corpus))
    assert code == 0
    assert [event["event"] for event in events] == ["plan", "cost"]
    plan, cost = events
    assert (plan["arch"], plan["ratio"], plan["corpus"]) == ("baseline", 16, "tiny")
    assert plan["picked"]["trials"]["value"] == plan["num_planned"] == 10
    assert plan["dimensions"][0]["dimension"] == "learning_rate"
    assert [one["base_channels"] for one in cost["widths"]] == [8, 12, 16]
    assert "tries first" in errors


def test_a_promotion_s_plan_names_its_candidates(command, make_search):
    folder = make_search(20.0, 21.0)
    code, (plan,), errors = command(promote, "--dry-run")
    assert code == 0
    assert (plan["event"], plan["source_study"]) == ("plan", folder.name)
    assert [one["candidate"] for one in plan["candidates"]] == ["c1", "c2", "control"]
    assert plan["candidates"][0]["search_val_psnr_db"] == 21.0
    assert "candidates x" in errors


@pytest.mark.parametrize("module", [search, promote])
def test_a_mistake_is_an_event_too_with_its_exit_code(command, module):
    code, (error,), errors = command(module, "--data", "nowhere")
    assert code == 2
    assert error == {
        "event": "error",
        "message": errors.removeprefix("error: ").rstrip("\n"),
        "exit_code": 2,
    }


EVENTS = {
    "plan", "cost", "study_started", "dashboard", "trial_started", "run_started", "epoch",
    "trial_ended", "run_ended", "note", "study_ended", "error",
}  # fmt: skip


def test_the_page_lists_every_event():
    page = PAGE.read_text(encoding="utf-8")
    section = page.partition("\n## Events for scripts\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == EVENTS
    written = set()
    for path in (PAGE.parents[1] / "tune").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        written |= set(re.findall(r"(?:events|self)\.write\(\s*\"(\w+)\"", text))
    assert (
        written | {f"{one}_{what}" for one in ("trial", "run") for what in ("started", "ended")}
        == EVENTS
    )
