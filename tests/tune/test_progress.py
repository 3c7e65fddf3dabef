"""Progress: the estimate, the clock and a trial's line."""

import pytest
from rich.text import Text

from tune.outcomes import Outcome
from tune.progress import clock, remaining_s, trial_line


def test_nothing_is_estimated_before_the_first_epoch(make_record):
    assert remaining_s([make_record(outcome=None)], 4, 10, 5.0) is None


def test_a_study_of_equal_trials_is_estimated_exactly(make_record):
    ended = make_record(0, [20.0] * 10)
    running = make_record(1, [20.0] * 5, outcome=None)
    # 15 epochs took 30 s; 5 are left of this trial and 20 of the two to come.
    assert remaining_s([ended, running], 4, 10, 30.0) == pytest.approx(50.0)


def test_stopped_trials_lower_the_expectation_for_those_to_come(make_record):
    stopped = make_record(0, [20.0] * 2, outcome=Outcome.STOPPED)
    assert remaining_s([stopped], 3, 10, 2.0) == pytest.approx(4.0)


def test_nothing_is_left_when_all_have_ended(make_record):
    assert remaining_s([make_record(0, [20.0])], 1, 10, 9.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599, "59:59"), (3600, "1:00:00")]
)
def test_durations_read_like_a_clock(seconds, text):
    assert clock(seconds) == text


def test_a_crash_is_told_with_the_last_line_of_its_reason(make_record):
    record = make_record(3, outcome=Outcome.FAILED, reason="Traceback\nRuntimeError: boom")
    line = trial_line(record)
    assert "no score" in line
    assert line.endswith("RuntimeError: boom")
    assert "Traceback" not in line


@pytest.mark.parametrize("words", ["no [/tmp/x] here", "[enforce fail at alloc_cpu.cpp] memory"])
def test_brackets_in_a_reason_are_shown_as_they_are(make_record, words):
    line = trial_line(make_record(3, outcome=Outcome.FAILED, reason=words))
    assert Text.from_markup(line).plain.endswith(words)
