"""The sampler: known points first, and what each outcome tells the sampler."""

import pytest
from optuna.trial import TrialState

from tune.outcomes import Outcome
from tune.scheduling.sampler import Sampler
from tune.space.points import KnownPoint
from tune.space.ranges import build_space
from tune.storage.journal import StudyJournal

DIMENSIONS = build_space(
    ["learning_rate", "warmup_epochs", "base_channels", "schedule"], ["base_channels=8,16"]
).dimensions
HAND_SET = {
    "learning_rate": 1e-4,
    "warmup_epochs": 3,
    "base_channels": 16,
    "schedule": "plateau",
}


def make_sampler_of(journal, searcher="tpe", seed=0):
    known = [KnownPoint("hand_set", HAND_SET)]
    return Sampler(journal, DIMENSIONS, known, searcher, seed)


def told(journal):
    """What anybody reads who opens the journal's file."""
    return StudyJournal.open(journal.file.path).study.trials


def test_the_known_point_comes_first_and_says_where_it_is_from(journal):
    suggestion = make_sampler_of(journal).suggest()
    assert (suggestion.number, suggestion.proposed_by) == (0, "hand_set")
    assert dict(suggestion.values) == HAND_SET


@pytest.mark.parametrize("searcher", ["tpe", "random", "gp"])
def test_proposals_stay_inside_the_space(journal, searcher):
    sampler = make_sampler_of(journal, searcher)
    for number in range(12):
        suggestion = sampler.suggest()
        sampler.report(number, Outcome.COMPLETED, [20.0 + number])
        assert all(dim.contains(suggestion.values[dim.name]) for dim in DIMENSIONS)


def test_the_same_seed_proposes_the_same(tmp_path):
    journals = [StudyJournal.create(tmp_path / name, "study") for name in "ab"]
    first, second = (make_sampler_of(journal, seed=7) for journal in journals)
    for number in range(12):
        assert first.suggest() == second.suggest()
        first.report(number, Outcome.COMPLETED, [20.0])
        second.report(number, Outcome.COMPLETED, [20.0])


def test_a_completed_trial_is_told_with_its_best_score(journal):
    sampler = make_sampler_of(journal)
    sampler.suggest()
    sampler.report(0, Outcome.COMPLETED, [18.0, 21.0, 20.0])
    assert told(journal)[0].state is TrialState.COMPLETE
    assert told(journal)[0].value == 21.0


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.STOPPED])
def test_optuna_is_told_four_decimals(journal, outcome):
    sampler = make_sampler_of(journal)
    sampler.suggest()
    sampler.report(0, outcome, [20.123456789])
    (trial,) = told(journal)
    assert trial.value == 20.1235
    assert all(value == 20.1235 for value in trial.intermediate_values.values())


def test_a_stopped_trial_is_pruned_with_its_scores(journal):
    sampler = make_sampler_of(journal)
    sampler.suggest()
    sampler.report(0, Outcome.STOPPED, [18.0, 18.5])
    assert told(journal)[0].state is TrialState.PRUNED
    assert told(journal)[0].intermediate_values == {1: 18.0, 2: 18.5}


def test_the_gaussian_process_learns_from_a_stopped_trial(journal):
    sampler = make_sampler_of(journal, "gp")
    sampler.suggest()
    sampler.report(0, Outcome.STOPPED, [18.0, 18.5, 18.2])
    assert told(journal)[0].state is TrialState.COMPLETE
    assert told(journal)[0].value == 18.5


def test_a_diverged_trial_is_pruned_without_a_value(journal):
    sampler = make_sampler_of(journal)
    sampler.suggest()
    sampler.report(0, Outcome.DIVERGED, [18.0])
    assert told(journal)[0].state is TrialState.PRUNED
    assert told(journal)[0].intermediate_values == {}


@pytest.mark.parametrize("outcome", [Outcome.OUT_OF_MEMORY, Outcome.REJECTED])
def test_a_configuration_that_does_not_fit_violates_a_constraint(journal, outcome):
    sampler = make_sampler_of(journal)
    sampler.suggest()
    sampler.report(0, outcome, [])
    assert told(journal)[0].state is TrialState.PRUNED
    assert any(value > 0 for value in told(journal)[0].constraints.values())


def test_an_accident_says_nothing_about_the_configuration(journal):
    sampler = make_sampler_of(journal)
    sampler.suggest()
    sampler.report(0, Outcome.FAILED, [18.0])
    assert told(journal)[0].state is TrialState.FAIL


def test_an_interrupted_trial_has_not_ended_for_the_sampler(journal):
    sampler = make_sampler_of(journal)
    sampler.suggest()
    sampler.report(0, Outcome.INTERRUPTED, [18.0])
    assert told(journal)[0].state is TrialState.RUNNING


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome != "interrupted"])
def test_every_other_outcome_ends_the_trial_in_the_journal(journal, outcome):
    sampler = make_sampler_of(journal)
    sampler.suggest()
    sampler.report(0, outcome, [18.0])
    assert told(journal)[0].state.is_finished()


@pytest.mark.parametrize("searcher", ["tpe", "random", "gp"])
def test_a_proposer_of_a_later_session_proposes_what_the_first_would_have(tmp_path, searcher):
    whole = StudyJournal.create(tmp_path / "whole", "study")
    split = StudyJournal.create(tmp_path / "split", "study")
    uninterrupted = make_sampler_of(whole, searcher)
    for number in range(11):
        interrupted = make_sampler_of(StudyJournal.open(split.file.path), searcher)
        assert interrupted.suggest() == uninterrupted.suggest()
        for sampler in (interrupted, uninterrupted):
            sampler.report(number, Outcome.COMPLETED, [20.0 + number % 3])


@pytest.mark.parametrize("num_lines", range(1, 9))
def test_a_proposal_that_was_cut_short_is_completed(journal, tmp_path, num_lines):
    """Asking writes a line for the trial and one per value; the writer may die between any two."""
    sampler = make_sampler_of(journal)
    sampler.suggest()
    before = journal.file.path.read_bytes()
    whole = sampler.suggest()
    lines = journal.file.path.read_bytes()[len(before) :].splitlines(keepends=True)
    path = tmp_path / "cut"
    path.write_bytes(before + b"".join(lines[:num_lines]))
    later = StudyJournal.open(path)
    if len(later.trials()) == 1:  # nothing but the study's own lines
        return
    recalled = make_sampler_of(later).recall(later.trials()[1])
    assert recalled == whole
    assert StudyJournal.open(path).trials()[1].values == whole.values


@pytest.mark.parametrize("num_lines", [0, 1, 2])
def test_a_known_point_that_was_announced_and_never_asked_for_is_asked_for(
    journal, tmp_path, num_lines
):
    before = journal.file.path.read_bytes()
    whole = make_sampler_of(journal).suggest()
    lines = journal.file.path.read_bytes()[len(before) :].splitlines(keepends=True)
    path = tmp_path / "cut"
    path.write_bytes(before + b"".join(lines[:num_lines]))
    later = StudyJournal.open(path)
    if later.trials():
        assert make_sampler_of(later).recall(later.trials()[0]) == whole
    else:
        assert make_sampler_of(later).suggest() == whole
