"""A study that is killed after any line of its journal ends as if it had never been killed.

Without Ray: trials run one after the other and their scores are a function of number and epoch, so
that two runs can be compared line by line. Wherever a session dies, the next one finds the first
lines of the journal and whatever checkpoints said, which is here: any epoch can be trained again.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.outcomes import Outcome
from tune.scheduling.conductor import Conductor
from tune.scheduling.cutoffs import TopShare
from tune.scheduling.rungs import RungLedger
from tune.scheduling.sampler import Sampler
from tune.space.points import KnownPoint, Suggestion
from tune.space.ranges import build_space
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget
from tune.storage.journal import StudyJournal
from tune.storage.recorder import Recorder
from tune.tables.files import read_table
from tune.terminal.progress import StudyProgress
from tune.trial.clock import StudyClock
from tune.trial.spec import DataSpec, TrialSpec

pytestmark = pytest.mark.slow

EPOCHS = 4
DIMENSIONS = build_space(["learning_rate", "warmup_epochs"], []).dimensions
KNOWN = [KnownPoint("hand_set", {"learning_rate": 1e-4, "warmup_epochs": 3})]
CRASH, LOSE = 2, 4
"""Trial 2 diverges after its second epoch; trial 4 loses its worker once."""


def make_spec(suggestion: Suggestion) -> TrialSpec:
    return TrialSpec(
        study="study",
        number=suggestion.number,
        model=ModelConfig("baseline", 16, 8),
        train=TrainConfig(
            learning_rate=float(suggestion.values["learning_rate"]),
            warmup_epochs=0,
            epochs=EPOCHS,
        ),
        data=DataSpec("corpus", 64, 0.05, 8, 0, "0" * 16, "1" * 16),
        device="cpu",
        proposed_by=suggestion.proposed_by,
    )


def open_conductor(path: Path, study_facts, num_trials: int = 6, searcher: str = "tpe"):
    """Open the study as a session does."""
    folder = StudyFolder(path)
    folder.tables.mkdir(parents=True, exist_ok=True)
    journal = StudyJournal.open_or_create(folder.journal, "study")
    conductor = Conductor(
        Sampler(journal, DIMENSIONS, KNOWN, searcher, 0),
        RungLedger((1, 2), TopShare(2), audit_share=0.5, seed=3),
        Recorder(folder, study_facts, journal, StudyClock(journal.elapsed_s)),
        make_spec,
        StudyProgress(Console(quiet=True), num_trials, EPOCHS, quiet=True),
        Budget(num_trials, None),
    )
    conductor.resume()
    return conductor


def score_db(number: int, epoch: int) -> float:
    """Curves that cross, so that rungs stop some trials."""
    return 15.0 + (number * 7 % 5) + epoch * (1 + number % 3) / 3


def run_to_end(conductor: Conductor, make_epoch: Callable) -> None:
    """Run every trial to its end, one after the other."""
    while (spec := conductor.next_trial()) is not None:
        number, record = spec.number, conductor.recorder.trials[spec.number]
        for epoch in range(spec.known_epochs + 1, EPOCHS + 1):
            if number == CRASH and epoch == 3:
                conductor.end(number, Outcome.DIVERGED, "train loss is nan in epoch 3")
                break
            if number == LOSE and epoch == 2 and not record.failures:
                conductor.lose_worker(number, "the worker process died")
                break
            is_last = epoch == EPOCHS
            stays = conductor.report_epoch(
                number, make_epoch(epoch, score_db(number, epoch), is_last)
            )
            if is_last:
                conductor.end(number, Outcome.COMPLETED)
            elif not stays:
                conductor.end(number)
                break
    conductor.close()


def facts_of(conductor: Conductor) -> list[tuple]:
    """Everything that must not depend on when sessions ended: all but times."""
    return [
        (
            number,
            record.spec,
            record.epochs,
            record.decisions,
            record.failures,
            record.outcome,
            record.reason,
        )
        for number, record in sorted(conductor.recorder.trials.items())
    ]


def told(conductor: Conductor) -> list[tuple]:
    """What the sampler knows."""
    return [
        (trial.number, trial.params, trial.state, trial.values, trial.intermediate_values)
        for trial in conductor.recorder.journal.study.trials
    ]


@pytest.fixture
def whole(tmp_path, study_facts, make_epoch) -> Conductor:
    """An uninterrupted study."""
    conductor = open_conductor(tmp_path / "whole", study_facts)
    run_to_end(conductor, make_epoch)
    return conductor


def test_the_example_has_every_kind_of_ending(whole):
    outcomes = {record.outcome for record in whole.recorder.trials.values()}
    assert outcomes == {Outcome.COMPLETED, Outcome.STOPPED, Outcome.DIVERGED}
    assert [bool(record.failures) for record in whole.recorder.trials.values()].count(True) == 1
    decisions = [d for record in whole.recorder.trials.values() for d in record.decisions]
    assert any(decision.audited for decision in decisions)


def test_a_study_killed_after_any_line_ends_as_if_it_had_never_been(
    whole, tmp_path, study_facts, make_epoch
):
    lines = whole.recorder.journal.file.path.read_bytes().splitlines(keepends=True)
    assert len(lines) > 60
    for num_lines in range(len(lines)):
        path = tmp_path / f"cut{num_lines}"
        path.mkdir()
        (path / "journal").write_bytes(b"".join(lines[:num_lines]))
        conductor = open_conductor(path, study_facts)
        run_to_end(conductor, make_epoch)
        assert facts_of(conductor) == facts_of(whole), f"killed after line {num_lines}"
        assert told(conductor) == told(whole), f"killed after line {num_lines}"


def test_the_tables_are_a_projection_of_the_journal(whole, tmp_path, study_facts):
    again = open_conductor(tmp_path / "whole", study_facts)
    for name in ("trials", "epochs", "rungs"):
        written = read_table(tmp_path, name)
        again.recorder.flush()
        columns = ["trial_number", *written.columns.intersection(["epoch", "rung"])]
        projected = read_table(tmp_path, name).sort_values(columns, ignore_index=True)
        assert projected.equals(written.sort_values(columns, ignore_index=True))


def test_a_finished_study_hands_out_nothing(whole, tmp_path, study_facts):
    again = open_conductor(tmp_path / "whole", study_facts)
    assert again.next_trial() is None
    assert again.is_drained


def test_an_extended_study_goes_on_with_new_trials(whole, tmp_path, study_facts, make_epoch):
    longer = open_conductor(tmp_path / "longer", study_facts, num_trials=9)
    run_to_end(longer, make_epoch)
    extended = open_conductor(tmp_path / "whole", study_facts, num_trials=9)
    run_to_end(extended, make_epoch)
    assert facts_of(extended) == facts_of(longer)


def test_an_interrupted_trial_goes_on_under_its_number(tmp_path, study_facts, make_epoch):
    first = open_conductor(tmp_path / "study", study_facts)
    first.next_trial()
    first.report_epoch(0, make_epoch(1, 15.0))
    first.interrupt("interrupted by SIGINT")
    first.close()
    assert first.recorder.trials[0].outcome is Outcome.INTERRUPTED
    second = open_conductor(tmp_path / "study", study_facts)
    spec = second.next_trial()
    assert (spec.number, spec.known_epochs) == (0, 1)
    assert second.recorder.trials[0].outcome is None


def test_a_trial_that_loses_its_worker_twice_has_failed(tmp_path, study_facts):
    conductor = open_conductor(tmp_path / "study", study_facts)
    conductor.next_trial()
    conductor.lose_worker(0, "the worker process died")
    assert conductor.next_trial().number == 0
    conductor.lose_worker(0, "the worker process died again")
    record = conductor.recorder.trials[0]
    assert (record.outcome, record.reason) == (Outcome.FAILED, "the worker process died again")


def test_a_study_is_not_drained_while_a_running_trial_could_go_on(tmp_path, study_facts):
    conductor = open_conductor(tmp_path / "study", study_facts, num_trials=1)
    conductor.next_trial()
    assert conductor.next_trial() is None
    assert not conductor.is_drained
    conductor.lose_worker(0, "the worker process died")
    assert conductor.next_trial().number == 0


def test_an_epoch_heard_twice_is_judged_once(tmp_path, study_facts, make_epoch):
    conductor = open_conductor(tmp_path / "study", study_facts)
    conductor.next_trial()
    assert [conductor.report_epoch(0, make_epoch(1, 15.0)) for _ in range(2)] == [True, True]
    assert len(conductor.recorder.trials[0].decisions) == 1


def test_a_hanging_trial_is_named_once_and_its_death_says_so(tmp_path, study_facts, make_epoch):
    conductor = open_conductor(tmp_path / "study", study_facts)
    conductor.next_trial()
    conductor.report_epoch(0, make_epoch(1, 15.0))
    later = itertools.count(1e6, 1.0)
    conductor._watchdog._now_s = lambda: next(later)
    assert conductor.overdue() == [0]
    assert conductor.overdue() == []
    conductor.lose_worker(0, "the worker process died")
    assert conductor.recorder.trials[0].failures[0].startswith("the worker hung: no epoch for")
