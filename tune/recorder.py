"""The books of one study: every trial, epoch and rung decision, and the tables made of them.

Tables are written whole and atomically while the search runs, so that a reader never meets half a
file. Writing is throttled by its own cost: the next flush waits until `FLUSH_RATIO` times the last
one's duration has gone by, which bounds the share of time spent writing however long the tables
grow. The end of the study always writes.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

from models.training import EpochResult
from tune.outcomes import Outcome
from tune.rows import Row, StudyFacts, epoch_row, rung_row, trial_row
from tune.rungs import RungDecision
from tune.study import StudyFolder
from tune.tables import write_table
from tune.trial import TrialRecord

FLUSH_RATIO = 200
FLUSH_FLOOR_S = 1.0
FLUSH_CEILING_S = 20.0
"""A reader never sees tables older than this and an epoch."""

BEST_KEPT = 3
"""Checkpoints kept of ended trials: those of the best few."""


class Recorder:
    """Keeps the records of one study and writes its tables.

    Attributes:
        trials: The records by trial number.
    """

    def __init__(self, folder: StudyFolder, facts: StudyFacts) -> None:
        self.trials: dict[int, TrialRecord] = {}
        self._folder = folder
        self._facts = facts
        self._epoch_rows: list[Row] = []
        self._rung_rows: list[Row] = []
        self._next_flush_s = 0.0

    def begin(self, record: TrialRecord) -> None:
        """Add a trial that was handed out."""
        self.trials[record.spec.number] = record
        self._flush_when_due()

    def add_epoch(self, number: int, result: EpochResult) -> None:
        """Add a finished epoch to its trial."""
        record = self.trials[number]
        record.epochs.append(result)
        self._epoch_rows.append(epoch_row(record, result))
        self._flush_when_due()

    def add_decision(self, decision: RungDecision) -> None:
        """Add a rung's decision."""
        self._rung_rows.append(rung_row(self.trials[decision.trial_number], decision))

    def end(
        self, number: int, outcome: Outcome, reason: str | None, details: str | None = None
    ) -> None:
        """End a trial; a traceback goes to `errors/<trial>.txt`, a loser's checkpoint goes away."""
        record = self.trials[number]
        record.outcome, record.reason, record.ended_at = outcome, reason, datetime.now(UTC)
        if details is not None:
            self._folder.errors.mkdir(exist_ok=True)
            (self._folder.errors / f"{record.spec.name}.txt").write_text(details, encoding="utf-8")
        self._drop_checkpoints()
        self._flush_when_due()

    def flush(self) -> None:
        """Write all tables now."""
        start_s = time.monotonic()
        trial_rows = [trial_row(record, self._facts) for record in self.trials.values()]
        write_table(self._folder.tables, "trials", trial_rows)
        write_table(self._folder.tables, "epochs", self._epoch_rows)
        write_table(self._folder.tables, "rungs", self._rung_rows)
        now_s = time.monotonic()
        wait_s = min(max(FLUSH_FLOOR_S, FLUSH_RATIO * (now_s - start_s)), FLUSH_CEILING_S)
        self._next_flush_s = now_s + wait_s

    def _flush_when_due(self) -> None:
        if time.monotonic() >= self._next_flush_s:
            self.flush()

    def _drop_checkpoints(self) -> None:
        ended = [record for record in self.trials.values() if record.outcome is not None]
        ended.sort(key=lambda record: record.best_val_psnr_db, reverse=True)
        for record in ended[BEST_KEPT:]:
            if record.spec.checkpoint is not None:
                Path(record.spec.checkpoint).unlink(missing_ok=True)
