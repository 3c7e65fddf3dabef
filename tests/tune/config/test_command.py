"""What all commands share: one sentence for a mistake, and the exit codes."""

import io
import re
import sys
from pathlib import Path

import pytest

from data.errors import DataError
from models.errors import ModelError
from tests.tune.terminal.consoles import NASTY
from tune.config.command import (
    LOG_WIDTH,
    OneSentenceParser,
    command_line,
    make_console,
    run_command,
)
from tune.errors import UsageError

REPOSITORY = Path(__file__).parents[3]


def interrupted() -> int:
    raise KeyboardInterrupt


def failing_with(error: Exception):
    def body() -> int:
        raise error

    return body


@pytest.mark.parametrize("code", [0, 1, 130])
def test_the_code_of_the_body_is_the_code_of_the_command(code):
    assert run_command(lambda: code) == code


@pytest.mark.parametrize("kind", [UsageError, DataError, ModelError])
def test_a_mistake_of_the_user_is_one_sentence_and_code_2(kind, capsys):
    assert run_command(failing_with(kind("rule, found value: next step"))) == 2
    assert capsys.readouterr() == ("", "error: rule, found value: next step\n")


def test_an_interruption_is_code_130(capsys):
    assert run_command(interrupted) == 130
    assert capsys.readouterr() == ("", "interrupted\n")


def test_what_ends_a_command_early_is_told_with_its_code():
    told = []
    for body in (failing_with(UsageError("a rule")), interrupted, lambda: 1):
        run_command(body, lambda sentence, code: told.append((sentence, code)))
    assert told == [("a rule", 2), ("interrupted", 130)]


@pytest.mark.parametrize("kind", [ValueError, OSError, KeyError])
def test_a_defect_of_the_program_keeps_its_traceback(kind):
    with pytest.raises(kind):
        run_command(failing_with(kind("ours")))


@pytest.mark.parametrize("arguments", [["--nam", "x"], ["--name"], ["stray"]])
def test_a_parser_answers_in_one_sentence_with_where_help_is(arguments, capsys):
    parser = OneSentenceParser("python -m tune.search", "Search.")
    parser.add_argument("--name")
    with pytest.raises(SystemExit) as exit_:
        parser.parse_args(arguments)
    assert exit_.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.endswith(": see python -m tune.search --help\n")
    assert captured.err.count("\n") == 1


def test_a_command_line_is_what_a_person_would_type(monkeypatch):
    assert command_line("tune.search", ["--ratio", "4"]) == [
        "python", "-m", "tune.search", "--ratio", "4",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["/somewhere/tune/search.py", "--ratio", "8"])
    assert command_line("tune.search", None) == ["python", "-m", "tune.search", "--ratio", "8"]


def test_a_log_has_a_fixed_width_unless_it_is_told(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert make_console().width == make_console(io.StringIO()).width == LOG_WIDTH
    monkeypatch.setenv("COLUMNS", "60")
    assert make_console().width == 60
    monkeypatch.setenv("COLUMNS", "wide")
    assert make_console().width == LOG_WIDTH


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_command_s_console_prints_what_it_is_given(text, is_terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    file = io.StringIO()
    make_console(file, is_terminal=is_terminal).print(text)
    assert file.getvalue() == f"{text}\n"


def test_a_log_may_have_colours_and_never_has_what_moves(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = make_console(io.StringIO())
    assert console.is_terminal
    assert not console.is_interactive


def test_consoles_are_made_in_one_place():
    made = [
        path.name
        for path in (REPOSITORY / "tune").rglob("*.py")
        if re.search(r"[^.\w]Console\((?!\))", path.read_text(encoding="utf-8"))
    ]
    assert made == ["command.py"]
