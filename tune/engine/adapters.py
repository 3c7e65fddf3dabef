"""One study behind Ray Tune's four interfaces: searcher, scheduler, callback and stopper.

Each class only translates; `tune.scheduling.conductor` decides. Ray asks

    the searcher for a trial                  StudySearcher.suggest               next_trial
    the scheduler whether a trial continues   RungScheduler.on_trial_result       report_epoch
    callbacks about a last result             StudyCallback.on_trial_result       report_epoch
    callbacks about an end                    StudyCallback.on_trial_complete     end
                                              StudyCallback.on_trial_error        lose_worker
    callbacks about a start                   StudyCallback.on_trial_start        start
    callbacks between events                  StudyCallback.on_step_begin         overdue
    the stopper whether to end everything     StudyStopper.stop_all               should_end

Ray's own Optuna searcher, ASHA and experiment state are not used, because of what they do to
outcomes (docs/DECISIONS.md).
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle
from ray.exceptions import RayActorError
from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import NoopStopper

from tune.engine.nodes import Nodes
from tune.engine.worker import METRIC, NOTES, RESULT, SPEC, STAGE
from tune.outcomes import Outcome
from tune.scheduling.conductor import Conductor


def trial_number(trial: Trial) -> int:
    """Return a trial's number in our study."""
    number: int = trial.config[SPEC].number
    return number


class StudySearcher(Searcher):
    """Hands the conductor's trials to Ray; outcomes reach the conductor through the callback."""

    def __init__(self, conductor: Conductor, nodes: Nodes | None = None) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._conductor = conductor
        self._nodes = nodes

    def suggest(  # type: ignore[override]  # Ray's own searchers return its word, a text
        self, trial_id: str
    ) -> dict[str, Any] | str | None:
        """Return the next trial's configuration, None for "not now", or Ray's word for "no more".

        Ray never asks again after "no more", and a trial that loses its worker has to continue.
        """
        if self._nodes is not None:
            # While nothing runs, Ray asks for nothing but a suggestion.
            self._nodes.refresh(self._conductor.live)
            if not self._nodes.have_room(self._conductor.live):
                return str(Searcher.FINISHED) if self._conductor.is_drained else None
        spec = self._conductor.next_trial()
        if spec is not None:
            stage = None if self._nodes is None else self._nodes.stage
            return {SPEC: spec} if stage is None else {SPEC: spec, STAGE: stage}
        return str(Searcher.FINISHED) if self._conductor.is_drained else None

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: the callback gets the same news with the trial's configuration."""

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study's journal is the only source of truth."""


class RungScheduler(FIFOScheduler):
    """First come, first served; the conductor says who is stopped.

    On a cluster, a trial that waits for a place goes back to the conductor where that is gone, or
    kept by another job while there is room elsewhere.
    """

    def __init__(self, conductor: Conductor, nodes: Nodes | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._conductor = conductor
        self._nodes = nodes

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """Return the first trial that waits; asked at every step of Ray's loop."""
        if self._nodes is not None:
            live = self._conductor.live
            self._nodes.refresh(live)
            for trial in list(tune_controller.get_live_trials()):  # who is stopped leaves them
                placement = trial.config[SPEC].placement
                is_waiting = trial.status == Trial.PENDING
                if is_waiting and self._nodes.has_a_better_one(placement, live):
                    self._conductor.put_back(trial_number(trial))
                    # At once: what `request_stop_trial` notes is looked at by nobody.
                    tune_controller.stop_trial(trial)
        chosen: Trial | None = super().choose_trial_to_run(tune_controller)
        return chosen

    def on_trial_result(
        self,
        tune_controller: Any,
        trial: Trial,
        result: dict[str, Any],
    ) -> str:
        """Continue or stop; a trial's last report (`done`) never comes here."""
        continues = self._conductor.report_epoch(trial_number(trial), result[RESULT])
        return str(TrialScheduler.CONTINUE if continues else TrialScheduler.STOP)


class StudyCallback(Callback):
    """Tells the conductor every epoch and every end.

    An exception in here ends the whole search, as it should: it would be ours.
    """

    def __init__(
        self,
        conductor: Conductor,
        nodes: Nodes | None = None,
        trial_has_begun: Callable[[], None] = lambda: None,
    ) -> None:
        self._conductor = conductor
        self._nodes = nodes
        self._trial_has_begun = trial_has_begun
        self._last_words: dict[int, tuple[Outcome, str | None]] = {}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Record an epoch; keep a last report's outcome for `on_trial_complete`."""
        number = trial_number(trial)
        for note in result.get(NOTES, ()):
            self._conductor.say(f"{trial.config[SPEC].short_name}  {note}")
        if RESULT in result:
            self._conductor.report_epoch(number, result[RESULT])
        if "outcome" in result:
            self._last_words[number] = (Outcome(result["outcome"]), result.get("reason"))

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Hear that a worker has the trial."""
        self._conductor.start(trial_number(trial))
        self._trial_has_begun()

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        """Kill the workers that hang; Ray reports their deaths as any other."""
        overdue = set(self._conductor.overdue())
        for trial in trials if overdue else ():
            if trial_number(trial) in overdue and trial.temporary_state.ray_actor is not None:
                ray.kill(trial.temporary_state.ray_actor)

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """End the trial with its own last words, or let the conductor find the outcome.

        One that was put back has not ended.
        """
        number = trial_number(trial)
        if not self._conductor.has_put_back(number):
            self._conductor.end(number, *self._last_words.pop(number, (None, None)))
        forget_statistics(trial)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """Hear why a trial broke: an exception is its own, a dead worker nobody's fault."""
        # Ray's `get_pickled_error` looks into the storage, where the file arrives seconds later.
        error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        number, details = trial_number(trial), str(error)
        if not isinstance(error, RayActorError):
            reason = details.strip().splitlines()[-1]
            self._conductor.end(number, Outcome.FAILED, reason, details)
        elif is_short_of_memory(details) and trial.config[SPEC].device == "cpu":
            self._conductor.end(number, Outcome.OUT_OF_MEMORY, death_reason(details), details)
        else:
            self._conductor.lose_worker(number, death_reason(details), details)
            if self._nodes is not None:
                self._nodes.doubt(trial.config[SPEC].placement.raylet)


def forget_statistics(trial: Trial) -> None:
    """Drop what Ray keeps of an ended trial for good and nobody reads, some 20 KiB each.

    That is running statistics of every number that it reported, and a copy of its configuration.
    """
    trial.run_metadata.metric_analysis.clear()
    trial.run_metadata.metric_n_steps.clear()
    trial.run_metadata.last_result.pop("config", None)


def is_short_of_memory(details: str) -> bool:
    """Return whether Ray killed a worker because the machine's memory was nearly full."""
    return "running low on memory" in details or "due to memory pressure" in details


def death_reason(details: str) -> str:
    """Return one line that says how a worker's process died, as far as Ray knows."""
    found = re.search(r"Worker exit detail: (.+?\.)(?: |$)", details)
    return "the worker process died" + (f": {found.group(1)}" if found else "")


class StudyStopper(Stopper):
    """Ends the search when the conductor says so: interrupted, or out of time."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no single trial."""
        return False

    def stop_all(self) -> bool:
        """Say whether the whole search ends now; asked after every event."""
        return self._conductor.should_end()

    def __reduce__(self) -> tuple[type[Stopper], tuple[()]]:
        """Pickle as nothing: Ray writes its stopper into an experiment state that nobody reads."""
        return NoopStopper, ()
