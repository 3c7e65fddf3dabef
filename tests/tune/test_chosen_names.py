"""What a user chose, a corpus name or a path, is printed as it is by every command."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

import data.prepare
from tests.tune.simulation.test_studies import CURVES
from tests.tune.terminal.consoles import NASTY, in_one_line
from tests.tune.test_status import make_study
from tune import doctor, promote, replay, search, status, train

NAME = " ".join(NASTY)
"""Of a corpus: all of them in one."""

FOLDER = NAME.replace("/", "|")
PROMPTS = ("next:", "Next:", "start a search:", "repair it:")


@pytest.fixture(autouse=True)
def working_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100000")  # a line that is wrapped may lose two blanks
    monkeypatch.setattr("tune.study.estimate.prepare_process", lambda num_threads: True)
    monkeypatch.setattr("models.training.precision.prepare_process", lambda: True)


@pytest.fixture
def nasty_corpus(tiny_corpus, tmp_path) -> str:
    """A corpus of this name in a folder of this name; its pixels are those of the tiny one."""
    path = tmp_path / "corpora" / FOLDER
    shutil.copytree(tiny_corpus, path)
    info = path / "corpus.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"name": NAME}), encoding="utf-8")
    return str(path)


def commands(output: str) -> list[list[str]]:
    """The commands that are printed to be copied, as a shell takes them apart."""
    lines = output.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(PROMPTS))
    found = [line.partition("python -m ")[2] for line in lines[first:] if "python -m " in line]
    return [shlex.split(command) for command in found]


def test_a_prepared_corpus_is_named_and_the_next_command_can_be_copied(tmp_path, capsys):
    out = tmp_path / FOLDER
    assert data.prepare.main(["--synthetic", "--out", str(out), "--name", NAME, "--dry-run"]) == 0
    assert f"Plan for {out}:" in capsys.readouterr().out
    data.prepare._print_next(out)
    ((module, *arguments),) = commands(capsys.readouterr().out)
    assert (module, arguments[-1]) == ("tune.search", str(out))


SHORT = ["--arch", "baseline", "--crop-px", "32", "--device", "cpu"]


def test_a_search_names_its_corpus(nasty_corpus, capsys):
    assert search.main([*SHORT, "--dry-run", "--data", nasty_corpus, "--results", FOLDER]) == 0
    assert f"SYNTHETIC corpus {NAME}: 32" in capsys.readouterr().out


def test_a_promotion_names_its_corpus(nasty_corpus, make_search, capsys):
    make_search(20.0, 21.0, data=nasty_corpus, results=FOLDER)
    assert promote.main(["--dry-run", "--results", FOLDER]) == 0
    assert f" on {NAME} (SYNTHETIC)" in capsys.readouterr().out


def test_a_training_names_corpus_reason_and_folder(nasty_corpus, monkeypatch, capsys):
    def out_of_memory(_session: object):
        raise MemoryError(NAME)

    monkeypatch.setattr("tune.trial.run.train_epochs", out_of_memory)
    flags = [*SHORT, "--precision", "fp32", "--data", nasty_corpus, "--results", FOLDER]
    assert train.main(flags) == 1
    said = capsys.readouterr().out
    assert f"SYNTHETIC corpus {NAME}: 32" in said
    assert f"out_of_memory (MemoryError: {NAME})" in said
    assert f"wrote {FOLDER}/baseline_" in said
    assert commands(said) == [["tune.status", "--results", FOLDER]]


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_status_names_its_corpora(flags, capsys):
    make_study(Path(FOLDER), "baseline", 16, [20.0], corpus=NAME)
    assert status.main(["--results", FOLDER, *flags]) == 0
    said = capsys.readouterr().out
    if flags:
        assert json.loads(said)["matrices"][0]["corpus"] == NAME
    else:
        assert f"corpus {NAME} (fingerprint" in said


def test_a_status_without_a_study_names_the_folder(capsys):
    Path(FOLDER).mkdir()
    assert status.main(["--results", FOLDER]) == 0
    said = capsys.readouterr().out
    assert f"There is no trial in {FOLDER} yet" in said
    assert commands(said)[0][-2:] == ["--results", FOLDER]


def test_a_doctor_names_the_study_s_folder(make_search, capsys):
    folder = make_search(20.0, results=FOLDER)
    with folder.journal.open("ab") as file:
        file.write(b'{"op_code": 8')
    assert doctor.main([folder.name, "--results", FOLDER]) == 1
    said = capsys.readouterr().out
    assert f"study {FOLDER}/{folder.name}" in said
    assert commands(said) == [["tune.doctor", folder.name, "--repair", "--results", FOLDER]]


def test_a_replay_names_what_it_wrote(make_search, capsys):
    folder = make_search(*CURVES, results=FOLDER)
    assert replay.main(["--results", FOLDER, "--nights", "2"]) == 0
    said = capsys.readouterr().out
    assert f"wrote {FOLDER}/{folder.name}/tables/replays.parquet" in said
    assert commands(said) == [["analysis.report", "--results", FOLDER]]


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("module", [search, promote, train])
def test_a_refusal_names_what_was_found(module, text, capsys):
    flags = [] if module is promote else ["--arch", "baseline"]
    assert module.main([*flags, "--data", text]) == 2
    assert in_one_line(text) in in_one_line(capsys.readouterr().err)
