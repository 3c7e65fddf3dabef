"""The runs of a promotion: their order, the race between them, and going on after any kill.

Without Ray and without training: a run's epochs and its validation scores are functions of
candidate and seed.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.outcomes import Outcome
from tune.promotion.queue import RunQueue
from tune.scheduling.conductor import Conductor
from tune.scheduling.cutoffs import TopShare
from tune.scheduling.rungs import RungLedger
from tune.space.points import CONTROL, Candidate, Suggestion
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget
from tune.storage.journal import StudyJournal
from tune.storage.recorder import Recorder
from tune.storage.replay import project_tables
from tune.storage.run_rows import run_rows
from tune.tables.files import read_table
from tune.terminal.progress import StudyProgress
from tune.trial.clock import StudyClock
from tune.trial.spec import DataSpec, TrialSpec

VALUES = {"base_channels": 8, "learning_rate": 1e-3, "warmup_epochs": 0}
NAMES = ("c1", "c2", CONTROL)
CANDIDATES = tuple(Candidate(name, VALUES, None, None, None, None, None) for name in NAMES)
SEEDS = (0, 1, 2)
EPOCHS = 2
MEANS_DB = {"c1": 20.0, "c2": 18.0, CONTROL: 17.0}
"""c2 is clearly worse after its first seed."""

Ends = dict[tuple[str, int], Outcome]


def make_spec(suggestion: Suggestion) -> TrialSpec:
    name, seed = str(suggestion.values["candidate"]), int(suggestion.values["seed"])
    return TrialSpec(
        study="study",
        number=suggestion.number,
        model=ModelConfig("baseline", 16, 8),
        train=TrainConfig(warmup_epochs=0, epochs=EPOCHS, seed=seed),
        data=DataSpec("corpus", 64, 1.0, 8, 0, "0" * 16, "1" * 16),
        device="cpu",
        proposed_by=suggestion.proposed_by,
        label=f"{name}_s{seed}",
    )


def scores_of(spec: TrialSpec) -> np.ndarray:
    images = np.linspace(-3, 3, 12)
    return MEANS_DB[spec.proposed_by] + 0.01 * spec.train.seed + images


def open_conductor(path: Path, study_facts, racing: bool = True) -> Conductor:
    """Open the promotion as a session does."""
    folder = StudyFolder(path)
    folder.tables.mkdir(parents=True, exist_ok=True)
    journal = StudyJournal.open_or_create(folder.journal, "study")
    recorder = Recorder(
        folder,
        study_facts,
        journal,
        StudyClock(journal.elapsed_s),
        make_rows=run_rows(CANDIDATES),
        best_kept=9,
    )
    score = (lambda number: scores_of(recorder.trials[number].spec)) if racing else None
    conductor = Conductor(
        RunQueue(journal, CANDIDATES, SEEDS, score, lambda _: None, seed=0),
        RungLedger((), TopShare(2)),
        recorder,
        make_spec,
        StudyProgress(Console(quiet=True), 9, EPOCHS, quiet=True),
        Budget(9, None),
    )
    conductor.resume()
    return conductor


def run_one(conductor: Conductor, spec: TrialSpec, make_epoch: Callable, ends: Ends) -> None:
    """Run a run to its end; one that crashes does so in its last epoch."""
    outcome = ends.get((spec.proposed_by, spec.train.seed), Outcome.COMPLETED)
    for epoch in range(spec.known_epochs + 1, EPOCHS + (outcome is Outcome.COMPLETED)):
        score_db = float(scores_of(spec).mean())
        conductor.report_epoch(spec.number, make_epoch(epoch, score_db, epoch == EPOCHS))
    conductor.end(spec.number, outcome)


def run_to_end(conductor: Conductor, make_epoch: Callable, ends: Ends | None = None) -> None:
    """Run every run to its end, one after the other."""
    while (spec := conductor.next_trial()) is not None:
        run_one(conductor, spec, make_epoch, ends or {})
    conductor.close()


def runs_of(conductor: Conductor) -> list[tuple[int, str, Outcome | None, int]]:
    return [
        (number, record.spec.short_name, record.outcome, len(record.epochs))
        for number, record in sorted(conductor.recorder.trials.items())
    ]


def names_of(conductor: Conductor) -> list[str]:
    return [name for _, name, _, _ in runs_of(conductor)]


def test_without_a_race_every_candidate_runs_with_every_seed_seed_by_seed(
    tmp_path, study_facts, make_epoch
):
    conductor = open_conductor(tmp_path, study_facts, racing=False)
    run_to_end(conductor, make_epoch)
    assert names_of(conductor) == [f"{name}_s{seed}" for seed in SEEDS for name in NAMES]
    assert conductor.is_drained


def test_the_clearly_worse_get_no_further_seeds_and_the_control_all(
    tmp_path, study_facts, make_epoch
):
    conductor = open_conductor(tmp_path, study_facts)
    run_to_end(conductor, make_epoch)
    assert names_of(conductor) == [
        "c1_s0", "c2_s0", "control_s0", "c1_s1", "control_s1", "c1_s2", "control_s2",
    ]  # fmt: skip
    assert conductor.is_drained


def test_a_race_waits_for_the_runs_of_the_seeds_before(tmp_path, study_facts, make_epoch):
    conductor = open_conductor(tmp_path, study_facts)
    specs = [conductor.next_trial() for _ in NAMES]
    assert conductor.next_trial() is None
    assert not conductor.is_drained
    for spec in specs:
        run_one(conductor, spec, make_epoch, {})
    assert conductor.next_trial().short_name == "c1_s1"


def test_without_a_race_nobody_waits(tmp_path, study_facts):
    conductor = open_conductor(tmp_path, study_facts, racing=False)
    assert [conductor.next_trial().short_name for _ in range(4)][-1] == "c1_s1"


@pytest.mark.parametrize(
    ("outcome", "num_runs"), [(Outcome.OUT_OF_MEMORY, 1), (Outcome.DIVERGED, 3)]
)
def test_what_does_not_fit_once_is_not_tried_again(
    tmp_path, study_facts, make_epoch, outcome, num_runs
):
    conductor = open_conductor(tmp_path, study_facts, racing=False)
    run_to_end(conductor, make_epoch, {("c1", 0): outcome})
    assert sum(name.startswith("c1_") for name in names_of(conductor)) == num_runs


def test_a_candidate_without_a_completed_run_is_not_raced_out(tmp_path, study_facts, make_epoch):
    conductor = open_conductor(tmp_path, study_facts)
    run_to_end(conductor, make_epoch, {("c2", 0): Outcome.DIVERGED})
    assert "c2_s1" in names_of(conductor)


def test_a_run_that_cannot_be_scored_takes_no_part_in_the_race(tmp_path, study_facts, make_epoch):
    """Without a score of its own c2 cannot be told to be worse; it is not dropped."""
    conductor = open_conductor(tmp_path, study_facts)
    specs = [conductor.next_trial() for _ in NAMES]
    for spec in specs:
        run_one(conductor, spec, make_epoch, {})
    lost = specs[1].number
    score = conductor._sampler._score_images
    conductor._sampler._score_images = lambda number: None if number == lost else score(number)
    run_to_end(conductor, make_epoch)
    assert "c2_s1" in names_of(conductor)


@pytest.mark.slow
def test_a_promotion_killed_after_any_line_ends_as_if_it_had_never_been(
    tmp_path, study_facts, make_epoch
):
    """The leader of the first race does not fit later: c2 stays out where that race is repeated."""
    ends: Ends = {("c1", 1): Outcome.OUT_OF_MEMORY, (CONTROL, 1): Outcome.DIVERGED}
    whole = open_conductor(tmp_path / "whole", study_facts)
    run_to_end(whole, make_epoch, ends)
    lines = (tmp_path / "whole" / "journal").read_bytes().splitlines(keepends=True)
    assert len(lines) > 30
    for num_lines in range(len(lines)):
        path = tmp_path / f"cut{num_lines}"
        path.mkdir()
        (path / "journal").write_bytes(b"".join(lines[:num_lines]))
        conductor = open_conductor(path, study_facts)
        run_to_end(conductor, make_epoch, ends)
        assert runs_of(conductor) == runs_of(whole), f"killed after line {num_lines}"


def test_the_runs_table_says_candidate_seed_and_outcome(tmp_path, study_facts, make_epoch):
    conductor = open_conductor(tmp_path / "study", study_facts)
    run_to_end(conductor, make_epoch)
    runs = read_table(tmp_path, "runs")
    assert list(runs["run"])[:2] == ["study_c1_s0", "study_c2_s0"]
    assert list(runs["candidate"].unique()) == list(NAMES)
    assert (runs["outcome"] == "completed").all()
    assert read_table(tmp_path, "trials").empty


def test_the_journal_alone_gives_the_runs_table_again(tmp_path, study_facts, make_epoch):
    from tune.storage.history import Agreement

    conductor = open_conductor(tmp_path / "study", study_facts)
    journal = conductor.recorder.journal
    journal.agree(Agreement((), "fp32", False, study_facts, CANDIDATES))
    assert journal.agreement.candidates == CANDIDATES
    run_to_end(conductor, make_epoch)
    written = conductor.recorder.tables()
    projected = project_tables(StudyFolder(tmp_path / "study"), journal)
    assert projected.keys() == written.keys()
    assert [row["run"] for row in projected["runs"]] == [row["run"] for row in written["runs"]]
