"""`--json` of a whole search: lines that a script reads while it runs, equal to the tables."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import optuna
import pytest

from tests.sabotage import sabotaged
from tests.tune.read_events import named, table_rows
from tests.tune.terminal.consoles import NASTY
from tune.storage.journal import StudyJournal

REPOSITORY = Path(__file__).parents[2]
NAME = " ".join(NASTY)
TOKEN = "0123456789abcdef" * 4
SEARCH = [
    "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8", "--precision",
    "fp32", "--trials", "4", "--epochs", "4", "--grace-epochs", "1", "--data-fraction", "1",
    "--name", "first", "--json",
]  # fmt: skip

UNHURRIED = """
def wait(session, epoch):
    while not (STATE / "answered").exists():
        time.sleep(0.05)

on_every_epoch(wait)
"""
"""Trials that wait for the dashboard; by themselves these end before it has come up."""

pytestmark = pytest.mark.ray


def status_of(address: str, token: str | None) -> int:
    """The answer of Ray's dashboard to a question about its nodes."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{address}/nodes?view=summary", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture(scope="module")
def finished(tiny_corpus, tmp_path_factory):
    """A search in folders of nasty names: events, words, the dashboard's answers, its folder."""
    cwd = tmp_path_factory.mktemp("events")
    corpus, results = cwd / "corpus [/x]", cwd / NAME.replace("/", "|")
    shutil.copytree(tiny_corpus, corpus)
    info = corpus / "corpus.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"name": NAME}), encoding="utf-8")
    environment = sabotaged(cwd, UNHURRIED) | {"COLUMNS": "100000", "RAY_AUTH_TOKEN": TOKEN}
    events, answers = [], []
    with (
        (cwd / "words").open("w") as words,
        subprocess.Popen(
            [sys.executable, "-m", "tune.search", *SEARCH, "--data", corpus, "--results", results],
            cwd=cwd,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        ) as process,
    ):
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "dashboard":
                address = events[-1]["address"]
                try:
                    answers = [status_of(address, token) for token in (None, "0" * 64, TOKEN)]
                finally:
                    (cwd / "answered").touch()
    said = (cwd / "words").read_text(encoding="utf-8")
    assert process.returncode == 0, said
    return events, said, answers, results / "first"


def test_events_come_in_their_order(finished):
    names = [event["event"] for event in finished[0]]
    assert names[:2] == ["plan", "study_started"]
    assert names[-1] == "study_ended"
    # The last is told from beside the trials, and reference lines may take longer than these.
    assert set(names[2:-1]) - {"note"} == {"trial_started", "epoch", "trial_ended", "dashboard"}
    assert names.count("trial_started") == 4


@pytest.mark.parametrize(("event", "table"), [("epoch", "epochs"), ("trial_ended", "trials")])
def test_every_line_is_a_row_of_the_table(finished, event, table):
    events, _, _, study = finished

    def in_order(rows):
        return sorted(rows, key=lambda row: (row["trial_number"], row.get("epoch", 0)))

    assert in_order(named(events, event)) == in_order(table_rows(study, table))


def test_the_end_names_the_best_row_and_the_exit_code(finished):
    events, _, _, study = finished
    (end,) = named(events, "study_ended")
    rows = table_rows(study, "trials")
    best = max(rows, key=lambda row: row["best_val_psnr_db"])
    del best["concurrent_with"]
    assert end["best"] == best
    assert end["folder"] == str(study)
    assert (end["exit_code"], end["interruption"]) == (0, None)
    assert sum(end["outcomes"].values()) == 4
    assert end["epochs_spent"] == len(named(events, "epoch"))
    hand_set = next(row for row in rows if row["proposed_by"] == "hand_set")
    assert end["gain"] == pytest.approx(best["best_val_psnr_db"] - hand_set["best_val_psnr_db"])


def test_words_go_to_standard_error_with_every_name_as_it_is(finished):
    events, words, _, study = finished
    assert named(events, "plan")[0]["corpus"] == NAME
    assert f"SYNTHETIC corpus {NAME}: " in words
    assert f"baseline 16x (0.5 bit/px) on {NAME} (SYNTHETIC), 32 px" in words
    assert f"wrote {study}" in words
    copied = next(line for line in words.splitlines() if line.startswith("next: "))
    assert shlex.split(copied)[-2:] == ["--results", str(study.parent)]


def test_the_dashboard_asks_for_the_token_that_the_command_prints(finished):
    events, words, answers, _ = finished
    assert answers == [401, 403, 200]
    (dashboard,) = named(events, "dashboard")
    assert dashboard["token_command"] in words
    done = subprocess.run(
        ["sh", "-c", dashboard["token_command"]],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "RAY_AUTH_TOKEN": TOKEN},
    )
    assert done.stdout.strip() == TOKEN


def test_optuna_knows_the_score_by_its_name_and_in_four_decimals(finished):
    events, _, _, study = finished
    journal = StudyJournal.open(study / "journal")
    assert journal.study.metric_names == ["validation PSNR [dB]"]
    values = [trial.value for trial in journal.study.get_trials(deepcopy=False) if trial.value]
    assert values
    assert all(value == round(value, 4) for value in values)
    whole = [row["best_val_psnr_db"] for row in named(events, "trial_ended")]
    assert max(values) == pytest.approx(max(whole), abs=5e-5)
    assert not any(isinstance(value, float) and value in values for value in whole)
    assert optuna.load_study(study_name="first", storage=journal.storage).best_value == max(values)
