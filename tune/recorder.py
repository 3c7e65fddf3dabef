"""The books of one study: every trial, epoch and rung decision, and the tables made of them.

Rows are written as whole tables, atomically, while the search runs, so that a reader never meets
half a file. Writing is throttled by its own cost: a flush waits until `FLUSH_RATIO` times the last
flush's duration has gone by, which bounds the share of time spent writing however long the tables
grow. The end of the study always writes.
"""

import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from models.registry import build_model, count_parameters
from models.training import EpochResult
from tune.outcomes import Outcome
from tune.rungs import RungDecision
from tune.study import StudyFolder
from tune.tables import write_table
from tune.trial import TrialRecord

FLUSH_RATIO = 200
FLUSH_FLOOR_S = 1.0
BEST_KEPT = 3
"""Checkpoints kept of ended trials: those of the best few."""


@dataclass(frozen=True)
class StudyFacts:
    """What is the same in every row of a study."""

    mode: str
    corpus: str
    is_synthetic: bool
    corpus_fingerprint: str
    split_fingerprint: str
    val_images: int
    device: str


class Recorder:
    """Keeps the records of one study and writes its tables.

    Attributes:
        trials: The records by trial number.
    """

    def __init__(self, folder: StudyFolder, facts: StudyFacts) -> None:
        self.trials: dict[int, TrialRecord] = {}
        self._folder = folder
        self._facts = facts
        self._epoch_rows: list[dict[str, Any]] = []
        self._rung_rows: list[dict[str, Any]] = []
        self._num_parameters: dict[Any, int] = {}
        self._flush_s = 0.0
        self._next_flush_s = 0.0

    def begin(self, record: TrialRecord) -> None:
        """Add a trial that was handed out."""
        self.trials[record.spec.number] = record
        self._flush_when_due()

    def add_epoch(self, number: int, result: EpochResult) -> None:
        """Add a finished epoch to its trial."""
        record = self.trials[number]
        record.epochs.append(result)
        row = asdict(result) | self._identity(record) | {"recorded_at": datetime.now(UTC)}
        del row["is_last"]
        self._epoch_rows.append(row)
        self._flush_when_due()

    def add_decision(self, decision: RungDecision) -> None:
        """Add a rung's decision."""
        self._rung_rows.append(
            asdict(decision) | self._identity(self.trials[decision.trial_number])
        )

    def end(
        self, number: int, outcome: Outcome, reason: str | None, details: str | None = None
    ) -> None:
        """End a trial; a traceback goes to `errors/<trial>.txt`, a loser's checkpoint goes away."""
        record = self.trials[number]
        record.outcome, record.reason, record.ended_at = outcome, reason, datetime.now(UTC)
        if details is not None:
            self._folder.errors.mkdir(exist_ok=True)
            (self._folder.errors / f"{record.spec.name}.txt").write_text(details)
        self._drop_checkpoints()
        self._flush_when_due()

    def flush(self) -> None:
        """Write all tables now."""
        start_s = time.monotonic()
        write_table(self._folder.tables, "trials", [self._trial_row(r) for r in self.trials.values()])
        write_table(self._folder.tables, "epochs", self._epoch_rows)
        write_table(self._folder.tables, "rungs", self._rung_rows)
        now_s = time.monotonic()
        self._next_flush_s = now_s + max(FLUSH_FLOOR_S, FLUSH_RATIO * (now_s - start_s))

    def _flush_when_due(self) -> None:
        if time.monotonic() >= self._next_flush_s:
            self.flush()

    def _drop_checkpoints(self) -> None:
        ended = [record for record in self.trials.values() if record.outcome is not None]
        ended.sort(key=lambda record: record.best_val_psnr_db, reverse=True)
        for record in ended[BEST_KEPT:]:
            if record.spec.checkpoint is not None:
                Path(record.spec.checkpoint).unlink(missing_ok=True)

    @staticmethod
    def _identity(record: TrialRecord) -> dict[str, Any]:
        spec = record.spec
        return {"study": spec.study, "trial": spec.name, "trial_number": spec.number}
