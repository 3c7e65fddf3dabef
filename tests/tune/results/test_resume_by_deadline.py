"""A study with a deadline: what the same command does again, and how it is extended."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tune.config.machine import Machine
from tune.config.resolve import resolve
from tune.config.search import SearchConfig, write_config
from tune.config.until import local_now
from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.results.budgets import More
from tune.results.resume import Start, choose_starts
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget, Ending
from tune.storage.journal import StudyJournal
from tune.trial.clock import Moment

FREE = ("trials", "data_fraction")


@pytest.fixture
def config(tmp_path: Path) -> SearchConfig:
    flags = {"arch": "baseline", "results": str(tmp_path), "hours": "3"}
    return resolve(flags, {}, Machine("cpu", 2))[0].config


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., StudyFolder]:
    """Make a study that ran for an hour and completed a trial."""

    def make(config: SearchConfig, budget: Budget) -> StudyFolder:
        folder = StudyFolder(tmp_path / "study")
        folder.path.mkdir()
        folder.config_file.write_text(write_config(config))
        folder.manifest_file.write_text('{"created_at": "2026-01-01T00:00:00"}')
        journal = StudyJournal.create(folder.journal, "study")
        journal.set_budget(budget)
        journal.study.ask()
        ended = Moment(datetime(2026, 1, 1, tzinfo=UTC), 3600.0)
        journal.end_trial(0, Ending(Outcome.COMPLETED, None, ended))
        return folder

    return make


def choose(config: SearchConfig, **asked: object) -> Start:
    known = {"new": False, "resume": None, "more": More(), "free": FREE}
    return choose_starts([config], **(known | asked))[0]


def by_clock(config: SearchConfig, hours: float) -> SearchConfig:
    moment = (local_now() + timedelta(hours=hours)).replace(tzinfo=None)
    return replace(config, hours=None, until=moment.isoformat())


def test_what_a_deadline_chose_makes_no_other_study(config, make_study):
    folder = make_study(replace(config, trials=40, data_fraction=0.1), Budget(40, 3.0))
    assert choose(config).folder == folder
    assert choose(config).budget.trials == 40


def test_what_was_given_makes_another_study(config, make_study):
    make_study(replace(config, trials=40), Budget(40, 3.0))
    assert choose(config, free=("data_fraction",)).folder is None


def test_a_study_that_filled_its_time_is_finished(config, make_study):
    make_study(config, Budget(40, 3.0, full_hours=3.0))
    assert choose(config).folder is None


def test_more_time_than_it_filled_reopens_a_study(config, make_study):
    folder = make_study(config, Budget(40, 3.0, full_hours=3.0))
    assert choose(replace(config, hours=4.0)).folder == folder
    extended = choose(config, more=More(hours=1.0))
    assert (extended.folder, extended.budget.hours) == (folder, 4.0)


def test_until_a_moment_is_what_was_used_and_what_is_left(config, make_study):
    make_study(config, Budget(40, 9.0))
    assert choose(by_clock(config, 2.0)).budget.hours == pytest.approx(3.0, abs=0.01)


def test_a_new_study_has_the_hours_until_its_moment(config):
    start = choose(by_clock(config, 2.0))
    assert start.budget.hours == pytest.approx(2.0, abs=0.01)


def test_a_moment_that_has_passed_is_refused(config):
    with pytest.raises(UsageError, match="until must lie ahead, found 2026-01-01T08:00"):
        choose(replace(config, hours=None, until="2026-01-01T08:00"))


def test_a_later_moment_begins_anew_unless_the_study_is_named(config, make_study):
    folder = make_study(by_clock(config, -1.0), Budget(40, 3.0, full_hours=3.0))
    tonight = by_clock(config, 5.0)
    assert choose(tonight).folder is None
    assert choose(tonight, resume="study").folder == folder


def test_more_hours_after_a_moment_that_has_passed_count_from_now(config, make_study):
    make_study(by_clock(config, -1.0), Budget(40, 9.0))
    start = choose(by_clock(config, -1.0), resume="study", more=More(hours=2.0))
    assert start.budget.hours == 3.0
    assert start.until is None


def test_an_unfinished_study_whose_moment_has_passed_is_told_how_to_go_on(config, make_study):
    make_study(by_clock(config, -1.0), Budget(40, 9.0))
    with pytest.raises(UsageError, match="extend it with --more-hours"):
        choose(by_clock(config, -1.0), resume="study")
