"""The records of one study: every fact goes into the journal first, then into the tables.

The tables are a projection of the journal, made for reading: written whole and atomically while the
search runs, so that a reader never meets half a file. Writing is throttled by its own cost: the
next flush waits until `FLUSH_RATIO` times the last one's duration has gone by, which bounds the
share of time spent writing however long the tables grow. The end of the study always writes.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from models.training.epoch_result import EpochResult
from tune.errors import is_disk_full
from tune.outcomes import Outcome
from tune.storage.folder import StudyFolder
from tune.storage.history import Ending, TrialHistory
from tune.storage.journal import StudyJournal
from tune.storage.trial_rows import MakeRows, Row, epoch_row, rung_row, trial_rows
from tune.tables.files import write_table
from tune.trial.checkpoint_files import drop_resumable
from tune.trial.clock import Moment, StudyClock
from tune.trial.record import RungDecision, TrialRecord
from tune.trial.spec import StudyFacts, TrialSpec

FLUSH_RATIO = 200
FLUSH_FLOOR_S = 1.0
FLUSH_CEILING_S = 20.0
"""A reader never sees tables older than this and an epoch."""

SESSION_ATTEMPTS = 10_000
"""What a session adds to the number of an attempt; no trial is scheduled so often in one."""

BEST_KEPT = 3
"""Checkpoints kept of ended trials: those of the best few."""


class Recorder:
    """Keeps the records of one study, its journal and its tables.

    Attributes:
        trials: The records by trial number.
        clock: The study's time.

    Args:
        folder: Where tables, checkpoints and tracebacks lie.
        facts: What is the same in every row.
        journal: Where every fact goes first.
        clock: The study's time.
        say: Told, in words, what a person should know.
        make_rows: Makes the tables with one row per trial, by name.
        best_kept: Of how many ended trials the checkpoint of the best epoch is kept.
        listener: Called with every trial that finished an epoch or ended, when it is in the
            journal.
    """

    def __init__(
        self,
        folder: StudyFolder,
        facts: StudyFacts,
        journal: StudyJournal,
        clock: StudyClock,
        say: Callable[[str], None] = lambda _: None,
        make_rows: MakeRows = trial_rows,
        best_kept: int = BEST_KEPT,
        listener: Callable[[TrialRecord], None] = lambda _: None,
    ) -> None:
        self.trials: dict[int, TrialRecord] = {}
        self.clock = clock
        self.journal = journal
        self.say = say
        self._folder = folder
        self._facts = facts
        self._make_rows = make_rows
        self._best_kept = best_kept
        self._listener = listener
        self._attempts: Counter[int] = Counter()
        self._epoch_rows: list[Row] = []
        self._rung_rows: list[Row] = []
        self._next_flush_s = 0.0
        self._is_short_of_space = False

    def recall(self, spec: TrialSpec, history: TrialHistory) -> TrialRecord:
        """Add a trial of an earlier session as the journal knows it."""
        record = TrialRecord(spec, history.begun or self.clock.now())
        if history.begun is None:
            self.journal.begin_trial(spec, record.begun)
        record.started = history.started
        self.trials[spec.number] = record
        for result, reported in history.epochs:
            self._note_epoch(record, result, reported)
        for decision in history.decisions:
            self._note_decision(record, decision)
        record.failures = list(history.failures)
        if history.ending is not None:
            self._note_end(record, history.ending)
        return record

    def begin(self, spec: TrialSpec) -> TrialRecord:
        """Add a trial that is scheduled for the first time."""
        record = TrialRecord(spec, self.clock.now())
        self.journal.begin_trial(spec, record.begun)
        self.trials[spec.number] = record
        self._flush_when_due()
        return record

    def start(self, number: int) -> None:
        """Note that a worker started a trial; of several times the first stands."""
        record = self.trials[number]
        if record.started is None:
            record.started = self.clock.now()
            self.journal.start_trial(number, record.started)

    def move(self, number: int, spec: TrialSpec) -> None:
        """Note that a trial continues at another place, or with another reservation."""
        record = self.trials[number]
        if spec != record.spec:
            record.spec = spec
            self.journal.begin_trial(spec, record.begun)

    def resume_trial(self, number: int) -> TrialSpec:
        """Return what a worker needs to continue a trial; an interruption is undone."""
        record = self.trials[number]
        if record.outcome is Outcome.INTERRUPTED:
            self.journal.reopen_trial(number)
            record.outcome = record.reason = record.ended = None
        return self.next_attempt(number)

    def next_attempt(self, number: int) -> TrialSpec:
        """Return what a worker needs for the next attempt at a trial.

        Its number is higher than all before it: within a session by counting, and between sessions
        because the journal has every session before it schedules anything.
        """
        record = self.trials[number]
        self._attempts[number] += 1
        attempt = SESSION_ATTEMPTS * self.journal.num_sessions + self._attempts[number]
        return replace(record.spec, known_epochs=len(record.epochs), attempt=attempt)

    def add_epoch(self, number: int, result: EpochResult) -> bool:
        """Add a finished epoch to its trial; return whether it was news.

        A trial that continued from an older checkpoint repeats epochs: the first report stands.
        """
        record = self.trials[number]
        if result.epoch <= len(record.epochs):
            return False
        reported = self.clock.now()
        self.journal.add_epoch(number, result, reported)
        self._note_epoch(record, result, reported)
        self._listener(record)
        self._flush_when_due()
        return True

    def add_decision(self, decision: RungDecision) -> None:
        """Add a rung's decision."""
        self.journal.add_decision(decision)
        self._note_decision(self.trials[decision.trial_number], decision)

    def add_failure(self, number: int, reason: str) -> int:
        """Add that a trial lost its worker; return how often it did."""
        failures = self.trials[number].failures
        failures.append(reason)
        self.journal.add_failure(number, len(failures), reason)
        return len(failures)

    def end(
        self, number: int, outcome: Outcome, reason: str | None, details: str | None = None
    ) -> None:
        """End a trial; a traceback goes to `errors/<trial>.txt`, a loser's checkpoint goes away."""
        record = self.trials[number]
        ending = Ending(outcome, reason, self.clock.now())
        self.journal.end_trial(number, ending)
        self._note_end(record, ending)
        self._listener(record)
        if details is not None:
            self._folder.errors.mkdir(exist_ok=True)
            (self._folder.errors / f"{record.spec.name}.txt").write_text(
                details, encoding="utf-8", errors="backslashreplace"
            )
        self.drop_checkpoints()
        self._flush_when_due()

    def tables(self) -> dict[str, list[Row]]:
        """Return the rows of all tables."""
        trials = [self.trials[number] for number in sorted(self.trials)]
        return {
            **self._make_rows(trials, self._facts),
            "epochs": self._epoch_rows,
            "rungs": self._rung_rows,
        }

    def flush(self) -> None:
        """Write all tables now; without space the old ones stand, and that is said once."""
        start_s = time.monotonic()
        try:
            for name, rows in self.tables().items():
                write_table(self._folder.tables, name, rows)
        except OSError as error:
            if not is_disk_full(error):
                raise
            if not self._is_short_of_space:
                self.say(
                    f"no space left for the tables in {self._folder.tables}: the search continues"
                )
            self._is_short_of_space = True
        else:
            self._is_short_of_space = False
        now_s = time.monotonic()
        wait_s = min(max(FLUSH_FLOOR_S, FLUSH_RATIO * (now_s - start_s)), FLUSH_CEILING_S)
        self._next_flush_s = now_s + wait_s

    def drop_checkpoints(self) -> None:
        """Keep the checkpoints of trials that can be resumed and of the best few that ended."""
        ended = [record for record in self.trials.values() if record.is_over]
        ended.sort(key=lambda record: record.best_score, reverse=True)
        files = [Path(record.spec.checkpoint) for record in ended if record.spec.checkpoint]
        drop_resumable(self._folder.checkpoints, {best.stem for best in files})
        for best in files[self._best_kept :]:
            best.unlink(missing_ok=True)

    def _flush_when_due(self) -> None:
        if time.monotonic() >= self._next_flush_s:
            self.flush()

    def _note_epoch(self, record: TrialRecord, result: EpochResult, reported: Moment) -> None:
        record.epochs.append(result)
        record.reported.append(reported)
        self._epoch_rows.append(epoch_row(record, result, reported))

    def _note_decision(self, record: TrialRecord, decision: RungDecision) -> None:
        record.decisions.append(decision)
        self._rung_rows.append(rung_row(record, decision))

    @staticmethod
    def _note_end(record: TrialRecord, ending: Ending) -> None:
        record.outcome, record.reason, record.ended = ending.outcome, ending.reason, ending.ended
