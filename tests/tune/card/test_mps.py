import os
from pathlib import Path

import pytest

from tune.card.mps import CONTROL, PIPES, mps_session


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for NVIDIA's program that notes how it was called."""
    program = tmp_path / "bin" / CONTROL
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" "$(test $# -gt 0 || cat)" >> {tmp_path}/calls\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.delenv(PIPES, raising=False)
    return program


def test_it_runs_while_trials_do_and_is_ended_with_them(control, tmp_path):
    with mps_session(tmp_path) as sentence:
        assert sentence == "the card is shared by NVIDIA's multi-process service"
        assert Path(os.environ[PIPES]).is_dir()
    assert PIPES not in os.environ
    assert [line.strip() for line in (tmp_path / "calls").read_text().splitlines()] == [
        "-d",
        "quit",
    ]


def test_one_that_does_not_start_is_said_with_its_own_words(control, tmp_path):
    control.write_text("#!/bin/sh\necho no permission >&2\nexit 1\n")
    with mps_session(tmp_path) as sentence:
        assert "did not start (no permission): trials take turns" in sentence
    assert PIPES not in os.environ


def test_a_machine_without_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(PIPES, raising=False)
    with mps_session(tmp_path) as sentence:
        assert f"{CONTROL} is not installed" in sentence


def test_one_that_runs_already_is_used_and_left_alone(monkeypatch, control, tmp_path):
    monkeypatch.setenv(PIPES, "/elsewhere")
    with mps_session(tmp_path) as sentence:
        assert "runs already" in sentence
    assert os.environ[PIPES] == "/elsewhere"
    assert not (tmp_path / "calls").exists()
