"""One study behind Ray Tune's four interfaces: searcher, scheduler, callback and stopper.

Each class only translates; the books are kept by `tune.conductor`. Ray's own Optuna searcher, ASHA
and experiment state are not used, because of what they do to outcomes (docs/DECISIONS.md).
"""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.exceptions import RayActorError
from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher
from ray.tune.stopper import NoopStopper

from models.training import EpochResult
from tune.conductor import Conductor
from tune.outcomes import Outcome
from tune.trainable import METRIC, SPEC

EPOCH_FIELDS = tuple(field.name for field in fields(EpochResult))


def trial_number(trial: Trial) -> int:
    """Return a trial's number in our study."""
    number: int = trial.config[SPEC].number
    return number


class StudySearcher(Searcher):
    """Hands the conductor's trials to Ray; outcomes reach the conductor through the callback."""

    def __init__(self, conductor: Conductor) -> None:
        super().__init__(metric=METRIC, mode="max")
        self._conductor = conductor

    def suggest(  # type: ignore[override]  # Ray's own searchers return its word, a text
        self, trial_id: str
    ) -> dict[str, Any] | str:
        """Return the next trial's configuration, or Ray's word for "no more"."""
        spec = self._conductor.next_trial()
        return str(Searcher.FINISHED) if spec is None else {SPEC: spec}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: the callback hears the same news with the trial's configuration."""

    def save(self, checkpoint_path: str) -> None:
        """Write nothing: the study's journal is the only source of truth."""


class RungScheduler(FIFOScheduler):
    """First come, first served; the conductor says who is stopped."""

    def __init__(self, conductor: Conductor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._conductor = conductor

    def on_trial_result(
        self,
        tune_controller: Any,
        trial: Trial,
        result: dict[str, Any],
    ) -> str:
        """Continue or stop; a trial's last report (`done`) never comes here."""
        stays = self._conductor.stays(trial_number(trial), result["epoch"], result[METRIC])
        return str(TrialScheduler.CONTINUE if stays else TrialScheduler.STOP)


class StudyCallback(Callback):
    """Tells the conductor every epoch and every end.

    An exception in here ends the whole search, as it should: it would be ours.
    """

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor
        self._last_words: dict[int, tuple[Outcome, str | None]] = {}

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Record an epoch; keep a last report's outcome for `on_trial_complete`."""
        number = trial_number(trial)
        if "epoch" in result:
            epoch = EpochResult(**{name: result[name] for name in EPOCH_FIELDS})
            self._conductor.hear_epoch(number, epoch)
        if "outcome" in result:
            self._last_words[number] = (Outcome(result["outcome"]), result.get("reason"))

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """End the trial with its own last words, or let the conductor find the outcome."""
        number = trial_number(trial)
        self._conductor.end(number, *self._last_words.pop(number, (None, None)))

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **info: Any
    ) -> None:
        """End the trial as FAILED with the exception's words, or what Ray knows of its death."""
        # Ray's `get_pickled_error` looks into the storage, where the file arrives seconds later.
        error = cloudpickle.loads(Path(trial.pickled_error_file).read_bytes())
        self._conductor.end(
            trial_number(trial), Outcome.FAILED, failure_reason(error), details=str(error)
        )


def failure_reason(error: Exception) -> str:
    """Return one line that says why Ray lost a trial: its exception, or the worker's death."""
    if not isinstance(error, RayActorError):
        return str(error).strip().splitlines()[-1]
    found = re.search(r"Worker exit detail: (.+?\.)(?: |$)", str(error))
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
