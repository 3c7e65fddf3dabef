"""The driver of one study: starts trials, takes their reports, ends each with one outcome.

Joins the sampler (what to try), the rungs (who continues) and the recorder (what happened), and
knows nothing of Ray: `tune.engine.adapters` translates Ray's calls into these verbs, and a test can
drive a study without starting a process. A study of an earlier session is resumed with `resume`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from models.training.epoch_result import EpochResult
from tune.outcomes import Outcome
from tune.scheduling.allowance import Allowance
from tune.scheduling.roles import Stops, Suggests, Watches
from tune.scheduling.watchdog import Watchdog
from tune.space.points import Suggestion
from tune.storage.history import Budget, TrialHistory
from tune.storage.recorder import Recorder
from tune.trial.record import TrialRecord, stop_reason
from tune.trial.spec import Placement, TrialSpec

MAX_FAILURES = 2
"""Times that a trial may lose its worker: after the first it continues, after this one it ends."""


class Conductor:
    """Keeps the records of one study while its trials run elsewhere.

    Attributes:
        recorder: The study's records.
        interruption: Why a person or the system ended the study early; None if nobody did.

    Args:
        sampler: Suggests configurations and learns from outcomes.
        ledger: The study's rungs; without epochs nobody is stopped.
        recorder: Keeps every trial, epoch and decision, and writes the tables.
        make_spec: Turns a suggestion into what a worker needs.
        watcher: Shows a person what happens.
        budget: How much the study may do, all its sessions together.
        reserve_again: Reserves memory again for a trial of an earlier session.
        move: Gives a trial that continues a place as places are now; leaves it where it is.

    Example:
        A study in this process, one trial after the other; Ray runs several:

        >>> while (spec := conductor.next_trial()) is not None:  # doctest: +SKIP
        ...     conductor.start(spec.number)
        ...     for result in run_trial(spec, conductor.say):
        ...         if not conductor.report_epoch(spec.number, result):
        ...             conductor.end(spec.number)
        ...             break
        ...     else:
        ...         conductor.end(spec.number, Outcome.COMPLETED)
        >>> conductor.close()  # doctest: +SKIP
    """

    def __init__(
        self,
        sampler: Suggests,
        ledger: Stops,
        recorder: Recorder,
        make_spec: Callable[[Suggestion], TrialSpec],
        watcher: Watches,
        budget: Budget,
        reserve_again: Callable[[TrialSpec], TrialSpec] = lambda spec: spec,
        move: Callable[[TrialSpec], TrialSpec] = lambda spec: spec,
    ) -> None:
        self._sampler = sampler
        self._ledger = ledger
        self.recorder = recorder
        self._make_spec = make_spec
        self._watcher = watcher
        self._allowance = Allowance(budget, recorder)
        self._reserve_again = reserve_again
        self._move = move
        self._to_continue: deque[int] = deque()
        self._watchdog = Watchdog(lambda: recorder.clock.elapsed_s)
        self._hanging: dict[int, str] = {}
        self.interruption: str | None = None

    def resume(self) -> None:
        """Read what the journal knows, and finish what a killed session had begun.

        Every fact of the journal is in the records first; only then is anything decided, because a
        rung compares with all trials.
        """
        for history in self.recorder.journal.trials():
            spec = self._make_spec(self._sampler.recall(history))
            if history.spec is not None:
                spec = self._resumed(spec, history)
            self.recorder.recall(spec, history)
            self._ledger.recall(history.decisions)
            if history.has_ended and not history.is_reported:
                self._report_end(self.recorder.trials[history.number])
        records = self.recorder.trials.values()
        open_records = [record for record in records if not record.is_over]
        for record in sorted(open_records, key=_last_report_s):
            self._settle(record)
        self.recorder.drop_checkpoints()
        self._watcher.begin(records)

    def next_trial(self) -> TrialSpec | None:
        """Return the next trial to run, or None if there is none now.

        One that is predicted not to fit is rejected here, and the sampler learns from that before
        it suggests again.
        """
        while not self.should_end():
            if self._to_continue:
                number = self._to_continue.popleft()
                if self._allowance.fits_rest(number):
                    self.recorder.move(number, self._move(self.recorder.trials[number].spec))
                    return self.recorder.resume_trial(number)
                self.end(number)
                continue
            if not self._allowance.has_room:
                return None
            suggestion = self._sampler.suggest()
            if suggestion is None:
                return None
            spec = self.recorder.begin(self._make_spec(suggestion)).spec
            if spec.placement.rejection is None:
                return self.recorder.next_attempt(spec.number)
            self.end(spec.number, Outcome.REJECTED, spec.placement.rejection)
        return None

    def start(self, number: int) -> None:
        """Record that a worker started a trial; until then it waits, which is not hanging."""
        self._watchdog.restart(number)
        self.recorder.start(number)
        self._watcher.show_start(self.recorder.trials[number], self.recorder.trials.values())

    @property
    def is_drained(self) -> bool:
        """Whether no trial will be started any more: none is left, and none can lose its worker."""
        if self.should_end():
            return True
        if self._to_continue or (self._allowance.has_room and not self._sampler.is_exhausted):
            return False
        return all(record.outcome for record in self.recorder.trials.values())

    def report_epoch(self, number: int, result: EpochResult) -> bool:
        """Record a finished epoch and say whether the trial continues; repeats are ignored.

        The last epoch of a trial is no rung: it ends anyway.
        """
        self._watchdog.restart(number)
        record = self.recorder.trials[number]
        if self.recorder.add_epoch(number, result):
            self._watcher.update(self.recorder.trials.values())
            if not result.is_last:
                self._judge(number, result)
        return record.turned_away is None and (result.is_last or self._allowance.fits_epoch(number))

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
        if record.outcome is not None or number in self._to_continue:
            return
        if outcome is None and record.turned_away is not None:
            outcome, reason = Outcome.STOPPED, stop_reason(record)
        elif outcome is None:
            outcome = Outcome.INTERRUPTED
            reason = self.interruption or (
                "the time budget of the search ended"
                if self.is_out_of_time or not self._allowance.fits_rest(number)
                else "the search ended while it ran"
            )
        self._watchdog.forget(number)
        self.recorder.end(number, outcome, reason, details)
        self._report_end(record)
        self._watcher.show_end(record, self.recorder.trials.values())

    def lose_worker(self, number: int, reason: str, details: str | None = None) -> None:
        """Record that a trial's process died: it continues in another one, once.

        Args:
            number: The trial's number.
            reason: What is known of the death, in one line.
            details: Everything that is known, kept in the study's folder.
        """
        record = self.recorder.trials[number]
        if record.outcome is not None or number in self._to_continue:
            return
        reason = self._hanging.pop(number, reason)
        self._watchdog.forget(number)
        if self.recorder.add_failure(number, reason) >= MAX_FAILURES:
            self.end(number, Outcome.FAILED, reason, details)
            return
        self._to_continue.append(number)
        name = record.spec.short_name
        self._watcher.say(f"{name}  {reason}; it continues after epoch {len(record.epochs)}")

    def put_back(self, number: int) -> None:
        """Take back a trial that waits for a place which is gone or kept; it gets another one."""
        if self.recorder.trials[number].outcome is None and number not in self._to_continue:
            self._to_continue.append(number)

    def has_put_back(self, number: int) -> bool:
        """Return whether a trial waits to be given another place."""
        return number in self._to_continue

    @property
    def live(self) -> list[Placement]:
        """What the trials reserve that run or wait for their place."""
        return [
            record.spec.placement
            for number, record in self.recorder.trials.items()
            if record.outcome is None and number not in self._to_continue
        ]

    def overdue(self) -> list[int]:
        """Return the trials that hang and must be killed; each is named once."""
        hanging = self._watchdog.overdue(self.recorder.trials.values())
        self._hanging.update(hanging)
        for number in hanging:
            self._watchdog.forget(number)
        return list(hanging)

    def say(self, sentence: str) -> None:
        """Show a person a sentence."""
        self._watcher.say(sentence)

    def interrupt(self, reason: str) -> None:
        """Ask the study to end at the next opportunity; the first reason stands."""
        self.interruption = self.interruption or reason

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time budget is used up."""
        return self._allowance.is_out_of_time

    def should_end(self) -> bool:
        """Say whether the study must end now: interrupted, or out of its time budget."""
        return self.interruption is not None or self.is_out_of_time

    @property
    def has_more_to_do(self) -> bool:
        """Whether trials are open or still to be suggested."""
        return self._allowance.has_room or not self._is_all_over

    @property
    def has_filled_its_time(self) -> bool:
        """Whether the time budget, and nobody, kept the study from doing all it was to do."""
        if self.interruption is not None or not self._allowance.is_timed:
            return False
        return not self._allowance.is_full or not self._is_all_over

    def close(self) -> None:
        """End what still runs as interrupted and write the tables a last time."""
        self._to_continue.clear()
        for number, record in self.recorder.trials.items():
            if record.outcome is None:
                self.end(number)
        self.recorder.flush()

    @property
    def _is_all_over(self) -> bool:
        return all(one.is_over for one in self.recorder.trials.values())

    def _resumed(self, now: TrialSpec, history: TrialHistory) -> TrialSpec:
        """Return a trial of an earlier session: what was asked for stands, places may change.

        Memory is reserved again for an open one: another part of the card may be free today.
        """
        asked = history.spec
        assert asked is not None
        spec = replace(now, model=asked.model, train=asked.train, placement=asked.placement)
        if history.has_ended or asked.placement.rejection is not None:
            return spec
        return self._reserve_again(spec)

    def _judge(self, number: int, result: EpochResult) -> None:
        score = self.recorder.trials[number].objective.of(result)
        decision = self._ledger.judge(number, result.epoch, score)
        if decision is not None:
            self.recorder.add_decision(decision)

    def _report_end(self, record: TrialRecord) -> None:
        assert record.outcome is not None
        self._sampler.report(record.spec.number, record.outcome, record.scores)

    def _settle(self, record: TrialRecord) -> None:
        """Finish what a killed session had begun to record about a trial, or let it continue."""
        number, last = record.spec.number, record.epochs[-1] if record.epochs else None
        if last is not None and last.is_last:
            self.recorder.resume_trial(number)
            self.end(number, Outcome.COMPLETED)
            return
        if last is not None and all(known.rung_epoch != last.epoch for known in record.decisions):
            self._judge(number, last)
        if record.turned_away is not None:
            self.recorder.resume_trial(number)
            self.end(number)
        elif (rejection := record.spec.placement.rejection) is not None:
            self.recorder.resume_trial(number)
            self.end(number, Outcome.REJECTED, rejection)
        elif len(record.failures) >= MAX_FAILURES:
            self.recorder.resume_trial(number)
            self.end(number, Outcome.FAILED, record.failures[-1])
        else:
            self._to_continue.append(number)


def _last_report_s(record: TrialRecord) -> float:
    return (record.reported[-1] if record.reported else record.begun).elapsed_s
