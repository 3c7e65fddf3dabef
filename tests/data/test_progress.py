"""Progress is a bar for people, lines for a log, nothing when asked to be quiet."""

import sys

import pytest

from data import progress
from data.progress import show_progress


def test_a_log_gets_lines_with_the_time_left(monkeypatch, capsys):
    now_s = iter([0.0, 1.0, 10.0, 12.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now_s))
    with show_progress("Cutting", 100) as advance:
        for amount in (10, 15, 10, 15):
            advance(amount)
    assert capsys.readouterr().err.splitlines() == [
        "Cutting: 25%, 30 s left",
        "Cutting: 50%, 20 s left",
    ]


def test_quiet_shows_nothing(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES_S", 0.0)
    with show_progress("Cutting", 10, quiet=True) as advance:
        advance(10)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("total", [10, 0])
def test_a_terminal_gets_a_bar(total, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with show_progress("Cutting", total) as advance:
        advance(total)
    assert "Cutting" in capsys.readouterr().err
