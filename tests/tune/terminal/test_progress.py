"""Progress: the estimate, the clock and a trial's line."""

import re
from dataclasses import replace

import pytest
from rich.console import Console

from tests.tune.terminal.consoles import NASTY, console_of, in_one_line, without_colour, written
from tune.outcomes import Outcome
from tune.terminal.hosts import running_words
from tune.terminal.progress import (
    StudyProgress,
    bar_width,
    clock,
    outcome_words,
    remaining_s,
    reserved_words,
    trial_line,
)
from tune.trial.spec import Placement


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


def test_a_score_stands_with_the_unit_of_the_objective(make_record):
    assert " 20.00 dB @ epoch 1" in trial_line(make_record(0, [20.0]), 80).plain
    assert "   0.7500 @ epoch 1" in trial_line(make_record(0, [0.75], objective="ssim"), 80).plain


def ended(record, width: int = 80) -> str:
    """What is written when a trial ends, into a log."""
    console = console_of(width)
    StudyProgress(console, num_trials=2, max_epochs=10).show_end(record, [record])
    return written(console)


def test_a_crash_is_told_with_the_last_line_of_its_reason(make_record):
    record = make_record(3, outcome=Outcome.FAILED, reason="Traceback\nRuntimeError: boom")
    line, *_, reason = ended(record).splitlines()
    assert "no score" in line
    assert reason == "  RuntimeError: boom"
    assert "Traceback" not in line


@pytest.mark.parametrize("words", ["[enforce fail at alloc_cpu.cpp] memory", *NASTY])
def test_a_reason_is_shown_as_it_is(make_record, words):
    said = ended(make_record(3, outcome=Outcome.FAILED, reason=words))
    assert words in in_one_line(said)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_a_log_line_keeps_its_figures_at_every_width(make_record, width):
    record = make_record(7, [20.0] * 9, Outcome.OUT_OF_MEMORY, "no memory", learning_rate=1.24e-3)
    said = ended(record, width)
    assert max(map(len, said.splitlines())) <= width
    for words in ("t007", "out_of_memory", "20.00 dB", "lr 1.2e-03", "1/2 trials", "best 20.00 dB"):
        assert words in said
    assert " left" in said


LONGEST_S = 123 * 3600 + 12 * 60 + 34.0


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_progress_line_keeps_best_done_and_time_left(make_record, width, monkeypatch):
    console = console_of(width, is_coloured=True, legacy_windows=False)
    monkeypatch.setattr("tune.terminal.progress.remaining_s", lambda *_: LONGEST_S)
    records = [
        make_record(number, [0.98765], list(Outcome)[number % 5], objective="ssim")
        for number in range(128)
    ]
    with StudyProgress(console, num_trials=1000, max_epochs=10) as progress:
        progress.update(records)
        progress._bar.refresh()
    *_, last = re.findall(r"\d+/\d+ trials.*", without_colour(written(console)))
    for words in ("128/1000 trials", "best 0.9877", "123:12:34 left"):
        assert words in last
    assert "…" not in written(console)


def test_the_bar_gives_way_to_the_words():
    assert [bar_width(width) for width in (60, 80, 100, 200)] == [8, 12, 28, 28]


def test_epochs_of_earlier_sessions_do_not_make_this_one_look_fast(make_record):
    resumed = make_record(0, [20.0] * 6, outcome=None)
    # 4 epochs were known, 2 took 10 s, 4 are left.
    assert remaining_s([resumed], 1, 10, 10.0, known_epochs=4) == pytest.approx(20.0)
    assert remaining_s([resumed], 1, 10, 10.0, known_epochs=6) is None


def test_outcomes_are_counted_the_most_frequent_first(make_record):
    outcomes = [Outcome.STOPPED, Outcome.OUT_OF_MEMORY, Outcome.STOPPED, None]
    records = [make_record(n, [20.0], outcome) for n, outcome in enumerate(outcomes)]
    assert outcome_words(records) == "2 stopped, 1 out of memory"


@pytest.mark.parametrize(
    ("placement", "words"),
    [
        (Placement(gpu_fraction=0.25), "50% of the card's memory reserved"),
        (Placement(ram_mib=768), "1.5 GiB reserved"),
        (Placement(), ""),
    ],
)
def test_memory_is_reserved_for_running_trials_only(make_record, placement, words):
    records = [make_record(n, outcome=None if n < 2 else Outcome.COMPLETED) for n in range(3)]
    for record in records:
        record.spec = replace(record.spec, placement=placement)
    assert reserved_words(records) == words


def test_memory_of_several_cards_is_told_in_cards(make_record):
    records = [make_record(n, outcome=None) for n in range(3)]
    shares = [(0.5, 0, "a"), (1.0, 0, "b"), (0, 1024, "machine")]
    for record, (share, ram_mib, raylet) in zip(records, shares, strict=True):
        placement = Placement(gpu_fraction=share, ram_mib=ram_mib, raylet=raylet)
        record.spec = replace(record.spec, placement=placement)
    assert reserved_words(records) == "memory of 1.5 cards and 1.0 GiB reserved"


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ((None, None, None), ""),
        (("a", "a", "a"), ""),
        (("b", "b", "a"), "on b (2), a (0)"),  # the last one has ended
    ],
)
def test_trials_that_run_are_counted_on_every_node_that_had_one(make_record, hosts, words):
    records = [make_record(n, outcome=None if n < 2 else Outcome.COMPLETED) for n in range(3)]
    for record, host in zip(records, hosts, strict=True):
        record.spec = replace(record.spec, placement=Placement(ram_mib=768, host=host))
    assert running_words(records) == words


def test_a_log_line_says_how_far_the_study_is(make_record, monkeypatch):
    moments = iter([0.0, 0.0, 36.0, 36.0, 36.0])
    monkeypatch.setattr("tune.terminal.progress.time.monotonic", lambda: next(moments, 36.0))
    console = Console(record=True, width=200)
    progress = StudyProgress(console, num_trials=2, max_epochs=2)
    done = make_record(0, [19.0, 20.0])
    progress.begin([])
    progress.show_end(done, [done])
    text = console.export_text()
    assert "1/2 trials (1 completed), best 20.00 dB, 200 epochs/h, 0:36 elapsed, 0:36 left" in text


def test_a_promotion_counts_runs(make_record):
    console = Console(record=True, width=200)
    progress = StudyProgress(console, num_trials=2, max_epochs=2, unit="runs")
    done = make_record(0, [19.0, 20.0])
    progress.show_end(done, [done])
    assert "1/2 runs (1 completed)" in console.export_text()
