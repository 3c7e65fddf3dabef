"""Kills a search again and again, checks everything and says it in a table."""

import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import checks
from tests.chaos.harness import ChaosStudy, Moment, Session, short_folder
from tests.tiny_corpus import build_tiny_corpus
from tune.storage.journal import StudyJournal

KILLS_PER_STUDY = 8
TRIES = 3
"""Studies in which a moment that did not come may come."""


@dataclass
class Kill:
    """One kill and what became of it.

    Attributes:
        moment: When.
        finished: Epochs in the journal when the driver was dead.
        lost: Those of them that are not in the finished study as they were.
        repeated: Epochs that were trained again.
        results: Complaints by check; an empty list is a passed one.
    """

    moment: Moment
    finished: int
    lost: int
    repeated: int
    results: dict[str, list[str]]

    @property
    def passed(self) -> int:
        """Checks without a complaint."""
        return sum(not complaints for complaints in self.results.values())

    @property
    def row(self) -> str:
        """Its row of the table, without the number."""
        total = len(self.results)
        return (
            f"{self.moment} | {self.finished} | {self.lost} | {self.repeated} | "
            f"{self.passed} of {total} |"
        )


HEADING = """\
| kill | moment | resumed epochs | lost epochs | repeated epochs | checks passed |
|---|---|---|---|---|---|"""


def run_kills(moments: Sequence[Moment], folder: Path, per_study: int) -> Iterator[list[Kill]]:
    """Kill studies at these moments; yield the kills of each study when it is finished.

    A moment that does not come before its study is finished gets its chance in the next one.
    """
    corpus = build_tiny_corpus(folder / "corpus")
    reference: list[dict[str, Any]] | None = None
    left = [(moment, TRIES) for moment in moments]
    number = 0
    while left:
        now, left = left[:per_study], left[per_study:]
        cwd = folder / f"study{number}"
        cwd.mkdir()
        number += 1
        with short_folder() as temporary:
            study = ChaosStudy(cwd, corpus, temporary)
            missed = run_study(study, [moment for moment, _ in now])
            tries = dict(now)
            left = [(moment, tries[moment] - 1) for moment in missed if tries[moment] > 1] + left
            if reference is None and study.folders:
                reference = checks.reference_of(study.folders[0])
            yield judge(study, reference or [])
        shutil.rmtree(cwd)


def run_study(study: ChaosStudy, moments: Sequence[Moment]) -> list[Moment]:
    """Kill one study at these moments and let it finish; return the moments that did not come."""
    missed: list[Moment] = []
    for index, moment in enumerate(moments):
        session = study.run(moment)
        if session.code == 0:
            return [*missed, *moments[index:]]
        if not session.was_killed:
            missed.append(moment)
            if session.code != 130:  # interrupted, which some moments ask for
                return [*missed, *moments[index + 1 :]]
    study.run()
    return missed


def judge(study: ChaosStudy, reference: Sequence[dict[str, Any]]) -> list[Kill]:
    """Return the kills of a finished study with everything that was checked."""
    at_end: dict[str, list[str]] = {"exit": list(checks.ended_well(study.sessions[-1]))}
    if study.folders and not at_end["exit"]:
        folder = study.folders[0]
        plan = checks.plan_of(folder)
        copy = study.cwd / "journal_copy"
        shutil.copyfile(folder / "journal", copy)
        journal = StudyJournal.open(copy)
        at_end |= {
            "trials": list(checks.has_every_trial_once(study, journal, plan)),
            "rungs": list(checks.has_the_rungs_of_its_epochs(study, journal, plan)),
            "sampler": list(checks.has_the_sampler_s_history(study, journal, reference)),
            "bits": list(checks.has_the_epochs_of_an_uninterrupted_training(journal, reference)),
            "tables": list(checks.has_tables_of_its_journal(study, journal, plan)),
            "rests": list(checks.leaves_nothing_behind(study)),
        }
    last = study.sessions[-1]
    kills = []
    for before, after in zip(study.sessions, study.sessions[1:], strict=False):
        if before.was_killed and before.moment is not None:
            kills.append(judge_kill(before, after, last, at_end))
    return kills


def judge_kill(
    before: Session, after: Session, last: Session, at_end: dict[str, list[str]]
) -> Kill:
    """Return one kill with its own checks and those of its finished study."""
    assert before.moment is not None
    finished = finished_epochs(before)
    final = finished_epochs(last)
    own = {
        "append": list(checks.is_appended_to(before, after)),
        "orphans": list(checks.is_alone(before)),
        "repeats": list(checks.repeats_only_what_was_in_flight(before, after)),
        "readable": list(before.unreadable),
    }
    lost = sum(final.get(key) != line for key, line in finished.items())
    repeated = len(checks.repeated_epochs(before, after))
    return Kill(before.moment, len(finished), lost, repeated, own | at_end)


def finished_epochs(session: Session) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the lines of the finished epochs by trial and epoch."""
    lines = checks.epoch_lines(session.journal)
    return {(line["trial_id"], epoch): line for line, epoch in lines}


def print_report(count: int, seed: int, per_study: int = KILLS_PER_STUDY) -> bool:
    """Kill `count` times, print the table, return whether every check passed."""
    from tests.chaos.harness import choose_moments

    moments = choose_moments(count, random.Random(seed))
    print(HEADING, flush=True)  # noqa: T201 (this is what the command is for)
    number, complaints = 0, []
    with tempfile.TemporaryDirectory() as folder:
        for kills in run_kills(moments, Path(folder), per_study):
            for kill in kills:
                number += 1
                print(f"| {number} | {kill.row}", flush=True)  # noqa: T201
                complaints += [
                    f"- kill {number}, {name}: {sentence}"
                    for name, sentences in kill.results.items()
                    for sentence in sentences
                ]
    print()  # noqa: T201
    if number < count:
        complaints.append(f"- {count - number} moments did not come")
    print("\n".join(complaints) or f"{number} of {number} kills survived, every check passed")  # noqa: T201
    return not complaints
