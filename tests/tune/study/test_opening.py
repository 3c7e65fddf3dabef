"""An open study and its time budget."""

import json
import math

import pytest

from models.training.precision import PLAIN
from tune.storage.history import Agreement, Budget
from tune.storage.journal import StudyJournal
from tune.study.opening import OpenStudy, close_budget
from tune.trial.clock import StudyClock


@pytest.fixture
def open_study(study_folder, study_facts, journal):
    """Open a study with a budget, of which an hour was used."""

    def make(budget: Budget) -> OpenStudy:
        agreement = Agreement((), "fp32", False, study_facts)
        clock = StudyClock(spent_s=3600.0)
        return OpenStudy(study_folder, journal, PLAIN, agreement, budget, clock, ())

    return make


def test_a_study_that_filled_its_time_is_used_up_until_it_gets_more(open_study, study_folder):
    close_budget(open_study(Budget(40, 3.0)), num_trials=12)
    closed = StudyJournal.open(study_folder.journal).budget
    assert closed == Budget(40, 3.0, full_hours=3.0)
    assert closed.is_used_up(3600.0)
    assert not Budget(40, 4.0, full_hours=3.0).is_used_up(3600.0)


def test_a_study_that_filled_its_time_has_the_trials_that_it_has(open_study, study_folder):
    close_budget(open_study(Budget(40, 3.0)), num_trials=12)
    assert json.loads(study_folder.budget_file.read_text())["trials"] == 12


@pytest.mark.parametrize(("hours", "left_s"), [(3.0, 7200.0), (0.5, 0.0), (None, math.inf)])
def test_what_is_left_is_what_was_not_used(open_study, hours, left_s):
    assert open_study(Budget(40, hours)).left_s == pytest.approx(left_s, abs=5.0)
