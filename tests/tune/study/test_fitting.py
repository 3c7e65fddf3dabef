"""A plan and its deadline, joined: what stays free, what is shared, what is printed."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from tune.config.machine import Machine
from tune.config.resolve import Resolved, resolve
from tune.config.search import write_config
from tune.config.until import local_now
from tune.results.budgets import Standing
from tune.results.resume import Start
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget
from tune.study.deadline import Choice
from tune.study.fitting import Fitted, as_begun, deadline_words, free_settings, share_time

NOW = datetime(2026, 1, 30, 22, 30).astimezone()
LONGEST = {"until": "2026-12-31T08:00:00", "trials": 64, "data_fraction": 0.123}


def resolved(**flags: object) -> Resolved:
    return resolve({"arch": "baseline", **flags}, {}, Machine("cpu", 2))[0]


def fitted(choice: Choice | None, total_hours: float | None, **flags: object) -> Fitted:
    config = resolved(**flags).config
    budget = Budget(config.trials, total_hours)
    return Fitted(SimpleNamespace(config=config), Start(None, budget, until=config.until), choice)


def in_hours(hours: float) -> str:
    return (local_now() + timedelta(hours=hours)).replace(tzinfo=None).isoformat()


@pytest.mark.parametrize("deadline", [{"hours": "2"}, {"until": "2026-12-31T08:00"}])
def test_with_a_deadline_what_nobody_set_is_free(deadline):
    assert free_settings(resolved(**deadline)) == {"trials", "data_fraction"}
    assert free_settings(resolved(**deadline, trials="7")) == {"data_fraction"}


def test_without_a_deadline_nothing_is_free():
    assert free_settings(resolved()) == frozenset()


def test_a_study_that_is_resumed_keeps_what_it_had_chosen(tmp_path: Path):
    asked, folder = resolved(hours="2"), StudyFolder(tmp_path)
    begun = replace(asked.config, trials=33, data_fraction=0.25, learning_rate=1e-4)
    folder.config_file.write_text(write_config(begun))
    again = as_begun(asked, Start(folder, Budget(33, 2.0)), {"trials", "data_fraction"})
    assert (again.config.trials, again.config.data_fraction) == (33, 0.25)
    assert again.config.learning_rate == asked.config.learning_rate
    assert "trials" not in again.picked


def test_studies_share_the_time_until_a_moment():
    start = Start(None, Budget(10, 4.0), until=in_hours(4.0))
    assert share_time(start, num_left=2).budget.hours == pytest.approx(2.0, abs=0.01)


def test_time_that_was_used_is_added_to_the_time_that_is_left(tmp_path: Path):
    standing = Standing(StudyFolder(tmp_path), 1, 0, 3600.0, Budget(10, 4.0))
    start = Start(standing.folder, Budget(10, 4.0), standing, until=in_hours(2.0))
    assert share_time(start).budget.hours == pytest.approx(3.0, abs=0.01)


def test_hours_are_not_shared():
    start = Start(None, Budget(10, 4.0))
    assert share_time(start, num_left=2) == start


def test_the_words_say_when_what_and_how_long():
    choice = Choice(40, 0.12, 7.9 * 3600)
    flags = {"until": "2026-01-31T08:00:00", "trials": 40, "epochs": 9, "data_fraction": 0.12}
    assert deadline_words(fitted(choice, 9.5, **flags), NOW) == (
        "until 08:00 (9.5 h): 40 trials of 9 epochs on 12 % of the training patches, "
        "about 7.9 h; none is started that would end later"
    )


def test_the_words_of_a_resumed_study_promise_no_length():
    words = deadline_words(fitted(None, 2.0, hours="2", trials=7), NOW)
    assert words.startswith("within 2 h: up to 7 trials of 6 epochs on 1.5 %")
    assert "about" not in words


@pytest.mark.parametrize("choice", [None, Choice(64, 0.123, 123456.0)])
def test_a_far_moment_is_told_with_its_day_in_one_sentence(choice):
    words = deadline_words(fitted(choice, 8000.0, **LONGEST), NOW)
    assert words.startswith("until 2026-12-31 08:00 (")
    assert "\n" not in words


def test_without_a_deadline_there_are_no_words():
    assert deadline_words(fitted(None, None), NOW) == ""
