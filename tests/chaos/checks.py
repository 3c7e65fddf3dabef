"""What must be true of a study that was killed: each check returns what is wrong, in words.

Everything is compared with the journal as it was found after a kill, and with what an
uninterrupted training gives; nothing is asked of the code that resumes.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pandas.testing import assert_frame_equal

from tests.chaos.harness import REPOSITORY, ChaosStudy, Session
from tune.config.resolve import Resolved
from tune.config.search import read_config
from tune.scheduling.rules import StoppingRule
from tune.space.points import Suggestion
from tune.storage.folder import StudyFolder
from tune.storage.journal import NUM_FIRST_LINES, StudyJournal
from tune.storage.recorder import Recorder
from tune.study.opening import choose_study_stack, study_facts
from tune.study.plan import StudyPlan, plan_study
from tune.tables.files import read_table, write_table
from tune.trial.clock import StudyClock
from tune.trial.session import open_corpus

TABLES = ("trials", "epochs", "rungs")
ORDER = {
    "trials": ["trial_number"],
    "epochs": ["trial_number", "epoch"],
    "rungs": ["trial_number", "rung"],
}
FINISHED = (1, 2, 3)
"""Optuna's numbers of COMPLETE, PRUNED and FAIL."""


def plan_of(folder: Path) -> StudyPlan:
    """Return the plan of a study, read from its folder."""
    config = read_config(folder / "study.toml")
    return plan_study(Resolved(config, {}), open_corpus(str(config.data)))


def reference_of(folder: Path) -> list[dict[str, Any]]:
    """Return values and scores of every trial as an uninterrupted training gives them."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.reference", str(folder)],
        cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=240,
    )  # fmt: skip
    trials: list[dict[str, Any]] = json.loads(done.stdout)
    return trials


# --- after each kill, once the next session is over


def is_appended_to(before: Session, after: Session) -> Iterator[str]:
    """Every whole line of the journal is there, unchanged, and new ones follow.

    Before the journal's first lines are all there nothing has happened, and it is begun anew.
    """
    whole = whole_part(before.journal)
    if whole.count(b"\n") >= NUM_FIRST_LINES and not after.journal.startswith(whole):
        yield "the journal's lines changed"


def is_alone(session: Session) -> Iterator[str]:
    """Nothing outlives a session and the one that takes up its work."""
    yield from session.running.survivors()


def repeats_only_what_was_in_flight(before: Session, after: Session) -> Iterator[str]:
    """A finished epoch is not trained again, and of each trial at most one epoch is."""
    repeated = repeated_epochs(before, after)
    finished = {(line["trial_id"], epoch) for line, epoch in epoch_lines(before.journal)}
    if set(repeated) & finished:
        yield f"finished epochs were trained again: {sorted(set(repeated) & finished)}"
    per_trial = Counter(number for number, _ in repeated)
    if per_trial and max(per_trial.values()) > 1:
        yield f"more than the epoch in flight was trained again: {repeated}"


# --- when the study is finished


def ended_well(session: Session) -> Iterator[str]:
    """The last session ends with 0 and has nothing to complain of."""
    if session.code != 0:
        yield f"exit code {session.code}"
    if session.errors:
        yield session.errors


def has_every_trial_once(
    study: ChaosStudy, journal: StudyJournal, plan: StudyPlan
) -> Iterator[str]:
    """One study, with as many trials as asked for, each ended once and told, epochs from 1 on."""
    if len(study.folders) != 1:
        yield f"{len(study.folders)} studies"
    trials = journal.trials()
    if [trial.number for trial in trials] != list(range(plan.config.trials)):
        yield f"trials {[trial.number for trial in trials]}"
    for trial in trials:
        if not trial.has_ended or not trial.is_reported:
            yield f"t{trial.number:03d} has not ended"
        epochs = [result.epoch for result, _ in trial.epochs]
        if epochs != list(range(1, len(epochs) + 1)):
            yield f"t{trial.number:03d} has epochs {epochs}"
    ends = Counter(line["trial_id"] for line in lines_of(study.journal) if is_final_end(line))
    if set(ends.values()) != {1}:
        yield f"trials ended more than once: {ends}"


def has_the_rungs_of_its_epochs(
    study: ChaosStudy, journal: StudyJournal, plan: StudyPlan
) -> Iterator[str]:
    """Replaying the rungs over the epochs, in the journal's order, gives its decisions."""
    config = plan.config
    ledger = StoppingRule.of(config).ledger(config.epochs, config.audit, config.seed)
    trials = journal.trials()
    results = {(trial.number, r.epoch): r for trial in trials for r, _ in trial.epochs}
    expected = {}
    for line, epoch in epoch_lines(study.journal):
        result = results[line["trial_id"], epoch]
        decision = (
            None
            if result.is_last
            else ledger.judge(line["trial_id"], result.epoch, result.val_psnr_db)
        )
        if decision is not None:
            expected[decision.trial_number, decision.rung] = decision
    found = {(d.trial_number, d.rung): d for trial in trials for d in trial.decisions}
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            yield f"rung {key}: {found.get(key)} where {expected.get(key)} follows"
    for trial in trials:
        turned_away = [decision for decision in trial.decisions if not decision.kept]
        if turned_away and len(trial.epochs) != turned_away[0].rung_epoch:
            yield f"t{trial.number:03d} was turned away and went on"


def has_the_sampler_s_history(
    study: ChaosStudy, journal: StudyJournal, reference: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """What the sampler was told stays, and suggestions are those of an uninterrupted study."""
    for trial, expected in zip(journal.trials(), reference, strict=False):
        if dict(trial.values) != expected["values"]:
            yield f"t{trial.number:03d} tries {trial.values}, uninterrupted {expected['values']}"
    told = Counter(
        line["trial_id"]
        for line in lines_of(study.journal)
        if line["op_code"] == 6 and line["state"] in FINISHED
    )
    if told and max(told.values()) > 1:
        yield f"the sampler was told twice: {told}"


def has_the_epochs_of_an_uninterrupted_training(
    journal: StudyJournal, reference: Sequence[dict[str, Any]]
) -> Iterator[str]:
    """Scores are equal to the last bit, whatever happened in between."""
    for trial, expected in zip(journal.trials(), reference, strict=False):
        scores_db = [result.val_psnr_db for result, _ in trial.epochs]
        if scores_db != expected["scores_db"][: len(scores_db)]:
            yield f"t{trial.number:03d}: {scores_db} instead of {expected['scores_db']}"


def has_tables_of_its_journal(
    study: ChaosStudy, journal: StudyJournal, plan: StudyPlan
) -> Iterator[str]:
    """Every cell of every table is what the journal says."""
    name = study.folders[0].name
    projected = project(journal, plan, study.folders[0], study.cwd / "projected")
    for table in TABLES:
        found, expected = (
            read_table(results, table, name).sort_values(ORDER[table], ignore_index=True)
            for results in (study.results, projected)
        )
        try:
            assert_frame_equal(found, expected, check_exact=True)
        except AssertionError as error:
            yield f"{table}: {error}"


def leaves_nothing_behind(study: ChaosStudy) -> Iterator[str]:
    """No temporary files, no drafts, and only what ended trials keep."""
    left = [path.name for path in study.temporary.iterdir()]
    if left:
        yield f"temporary files {left}"
    known = {"study.toml", "manifest.json", "journal", "lock", "budget.json"}
    for path in sorted(study.results.rglob("*")):
        is_known = path.name in known or path.parent.name == "errors"
        is_table = path.parent.name == "tables" and path.suffix == ".parquet"
        own_name = path.name.removeprefix(path.parents[1].name)  # a study's name may have a dot
        is_best = path.parent.name == "checkpoints" and Path(own_name).suffixes == [".pt"]
        if path.is_file() and not (is_known or is_table or is_best):
            yield f"left {path.relative_to(study.results)}"
        if path.is_dir() and path.name.startswith("."):
            yield f"left {path.name}"
    num_best = len(list(study.results.glob("*/checkpoints/*.pt")))
    if num_best > 3:
        yield f"{num_best} checkpoints"


# --- reading the journal


def whole_part(journal: bytes) -> bytes:
    """Return a journal without a torn last line."""
    return journal[: journal.rfind(b"\n") + 1]


def lines_of(journal: bytes) -> list[dict[str, Any]]:
    """Return the whole lines of a journal."""
    return [json.loads(line) for line in whole_part(journal).splitlines()]


def epoch_lines(journal: bytes) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the lines about finished epochs, with the epoch."""
    for line in lines_of(journal):
        for name in line.get("user_attr", {}):
            if name.startswith("epoch:"):
                yield line, int(name.split(":")[1])


def is_final_end(line: dict[str, Any]) -> bool:
    """Return whether a line ends a trial for good."""
    end = line.get("user_attr", {}).get("end")
    return end is not None and end["outcome"] != "interrupted"


def repeated_epochs(before: Session, after: Session) -> list[tuple[int, int]]:
    """Return the epochs that two sessions trained both."""
    return sorted(set(before.trained) & set(after.trained))


def project(journal: StudyJournal, plan: StudyPlan, folder: Path, results: Path) -> Path:
    """Write the tables that follow from a journal into another results folder; return that."""
    recorder = Recorder(StudyFolder(folder), study_facts(plan), journal, StudyClock())
    stack = choose_study_stack(plan)
    for history in journal.trials():
        assert history.spec is not None
        suggestion = Suggestion(history.number, history.spec.proposed_by, dict(history.values))
        spec = plan.trial_spec(suggestion, stack, StudyFolder(folder))
        # Where it ran is a fact that the plan cannot know.
        recorder.recall(replace(spec, placement=history.spec.placement), history)
    tables = results / folder.name / "tables"
    tables.mkdir(parents=True, exist_ok=True)
    for name, rows in recorder.tables().items():
        write_table(tables, name, rows)
    return results
