"""The driver of one study: hands out trials, hears their reports, ends each with one outcome.

Joins the proposer (what to try), the rungs (who goes on) and the recorder (what happened), and
knows nothing of Ray: `tune.ray_adapters` translates Ray's calls into these verbs, and a test can
drive a study without starting a process.
"""

import time
from collections.abc import Callable

from models.training import EpochResult
from tune.outcomes import Outcome
from tune.progress import StudyProgress
from tune.proposal import Proposal
from tune.proposer import Proposer
from tune.recorder import Recorder
from tune.rungs import RungDecision, RungLedger
from tune.trial import TrialRecord, TrialSpec


class Conductor:
    """Runs the books of one study while its trials run elsewhere.

    Attributes:
        recorder: The study's books.
        interruption: Why a person or the system ended the study early; None if nobody did.

    Args:
        proposer: Proposes configurations and learns from outcomes.
        ledger: The study's rungs; without epochs nobody is stopped.
        recorder: Keeps every trial, epoch and decision, and writes the tables.
        make_spec: Turns a proposal into what a worker needs.
        progress: Shows a person what happens.
        num_trials: How many trials to hand out.
        deadline_s: Monotonic time after which the study ends; None for no limit.
    """

    def __init__(
        self,
        proposer: Proposer,
        ledger: RungLedger,
        recorder: Recorder,
        make_spec: Callable[[Proposal], TrialSpec],
        progress: StudyProgress,
        num_trials: int,
        deadline_s: float | None = None,
    ) -> None:
        self._proposer = proposer
        self._ledger = ledger
        self.recorder = recorder
        self._make_spec = make_spec
        self._progress = progress
        self._num_trials = num_trials
        self._deadline_s = deadline_s
        self._turned_away: dict[int, RungDecision] = {}
        self.interruption: str | None = None

    def next_trial(self) -> TrialSpec | None:
        """Return the next trial to run, or None when the study hands out no more."""
        if len(self.recorder.trials) >= self._num_trials or self.should_end():
            return None
        spec = self._make_spec(self._proposer.propose())
        self.recorder.begin(TrialRecord(spec))
        return spec

    def stays(self, number: int, epoch: int, val_psnr_db: float) -> bool:
        """Say whether a trial goes on after an epoch; a rung's decision is recorded."""
        decision = self._ledger.judge(number, epoch, val_psnr_db)
        if decision is None:
            return True
        self.recorder.add_decision(decision)
        if not decision.kept:
            self._turned_away[number] = decision
        return decision.kept

    def hear_epoch(self, number: int, result: EpochResult) -> None:
        """Record a finished epoch."""
        self.recorder.add_epoch(number, result)
        self._progress.update(self.recorder.trials.values())

    def end(
        self,
        number: int,
        outcome: Outcome | None = None,
        reason: str | None = None,
        details: str | None = None,
    ) -> None:
        """End a trial once: with the outcome given, as stopped by a rung, or as interrupted.

        Args:
            number: The trial's number.
            outcome: How it ended, if the one who says so knows.
            reason: Why, in one line for a person.
            details: The whole traceback, kept in the study's folder.
        """
        record = self.recorder.trials[number]
        if record.outcome is not None:
            return
        if outcome is None and number in self._turned_away:
            decision = self._turned_away[number]
            outcome = Outcome.STOPPED
            reason = (
                f"{decision.value:.2f} dB at epoch {decision.rung_epoch} is below the "
                f"{decision.cutoff:.2f} dB that stay"
            )
        elif outcome is None:
            outcome = Outcome.INTERRUPTED
            reason = self.interruption or (
                "the time budget of the search ended"
                if self.is_out_of_time
                else "the search ended while it ran"
            )
        self._proposer.tell(number, outcome, [epoch.val_psnr_db for epoch in record.epochs])
        self.recorder.end(number, outcome, reason, details)
        self._progress.show_end(record, self.recorder.trials.values())

    def interrupt(self, reason: str) -> None:
        """Ask the study to end at the next opportunity; the first reason stands."""
        self.interruption = self.interruption or reason

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time budget is used up."""
        return self._deadline_s is not None and time.monotonic() >= self._deadline_s

    def should_end(self) -> bool:
        """Say whether the study must end now: interrupted, or out of its time budget."""
        return self.interruption is not None or self.is_out_of_time

    def close(self) -> None:
        """End what still runs as interrupted and write the tables a last time."""
        for number, record in self.recorder.trials.items():
            if record.outcome is None:
                self.end(number)
        self.recorder.flush()
