"""The proposer: known points first, and what each outcome tells the sampler."""

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tune.outcomes import Outcome
from tune.proposal import KnownPoint
from tune.proposer import Proposer
from tune.space import build_space

DIMENSIONS = build_space(
    ["learning_rate", "warmup_epochs", "base_channels", "schedule"], ["base_channels=8,16"]
).dimensions
HAND_SET = {
    "learning_rate": 1e-4,
    "warmup_epochs": 3,
    "base_channels": 16,
    "schedule": "plateau",
}


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


def make_proposer(journal, searcher="tpe", seed=0):
    return Proposer(
        journal, "study", DIMENSIONS, [KnownPoint("hand_set", HAND_SET)], searcher, seed
    )


def told(journal):
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return optuna.load_study(study_name="study", storage=storage).trials


def test_the_known_point_comes_first_and_says_where_it_is_from(journal):
    proposal = make_proposer(journal).propose()
    assert (proposal.number, proposal.proposed_by) == (0, "hand_set")
    assert dict(proposal.values) == HAND_SET


@pytest.mark.parametrize("searcher", ["tpe", "random", "gp"])
def test_proposals_stay_inside_the_space(journal, searcher):
    proposer = make_proposer(journal, searcher)
    for number in range(12):
        proposal = proposer.propose()
        proposer.tell(number, Outcome.COMPLETED, [20.0 + number])
        assert all(dim.contains(proposal.values[dim.name]) for dim in DIMENSIONS)


def test_the_same_seed_proposes_the_same(tmp_path):
    first, second = (make_proposer(tmp_path / name, seed=7) for name in "ab")
    for number in range(12):
        assert first.propose() == second.propose()
        first.tell(number, Outcome.COMPLETED, [20.0])
        second.tell(number, Outcome.COMPLETED, [20.0])


def test_a_completed_trial_is_told_with_its_best_score(journal):
    proposer = make_proposer(journal)
    proposer.propose()
    proposer.tell(0, Outcome.COMPLETED, [18.0, 21.0, 20.0])
    assert told(journal)[0].state is TrialState.COMPLETE
    assert told(journal)[0].value == 21.0


def test_a_stopped_trial_is_pruned_with_its_scores(journal):
    proposer = make_proposer(journal)
    proposer.propose()
    proposer.tell(0, Outcome.STOPPED, [18.0, 18.5])
    assert told(journal)[0].state is TrialState.PRUNED
    assert told(journal)[0].intermediate_values == {1: 18.0, 2: 18.5}


def test_the_gaussian_process_learns_from_a_stopped_trial(journal):
    proposer = make_proposer(journal, "gp")
    proposer.propose()
    proposer.tell(0, Outcome.STOPPED, [18.0, 18.5, 18.2])
    assert told(journal)[0].state is TrialState.COMPLETE
    assert told(journal)[0].value == 18.5


def test_a_diverged_trial_is_pruned_without_a_value(journal):
    proposer = make_proposer(journal)
    proposer.propose()
    proposer.tell(0, Outcome.DIVERGED, [18.0])
    assert told(journal)[0].state is TrialState.PRUNED
    assert told(journal)[0].intermediate_values == {}


@pytest.mark.parametrize("outcome", [Outcome.OUT_OF_MEMORY, Outcome.REJECTED])
def test_a_configuration_that_does_not_fit_violates_a_constraint(journal, outcome):
    proposer = make_proposer(journal)
    proposer.propose()
    proposer.tell(0, outcome, [])
    assert told(journal)[0].state is TrialState.PRUNED
    assert any(value > 0 for value in told(journal)[0].constraints.values())


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INTERRUPTED])
def test_an_accident_says_nothing_about_the_configuration(journal, outcome):
    proposer = make_proposer(journal)
    proposer.propose()
    proposer.tell(0, outcome, [18.0])
    assert told(journal)[0].state is TrialState.FAIL


def test_every_outcome_ends_the_trial_in_the_journal(tmp_path):
    for outcome in Outcome:
        journal = tmp_path / outcome
        proposer = make_proposer(journal)
        proposer.propose()
        proposer.tell(0, outcome, [18.0])
        assert told(journal)[0].state.is_finished()
