"""The Ray actor that runs trials, one epoch a step, one trial after another in one process.

Starting a process, importing torch and opening the corpus takes seconds, so actors are reused:
`reset_config` puts the next trial into the same process. What a worker unpickles is defined here
and in `tune.trial`, never in a command's module (which is `__main__` while it runs).

A non-finite value and an exhausted memory end the trial cleanly, as a last report with an outcome
and a reason; every other exception is left to Ray, which ends the actor with the trial, because
nobody knows what state the process is in.
"""

import gc
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import torch
from ray.tune import Trainable

from models.precision import prepare_process
from models.training import EpochResult, TrainingSession, train_epochs
from tune.crashes import crash_outcome, crash_reason
from tune.outcomes import Outcome
from tune.trial import BestCheckpoint, TrialSpec, open_session

METRIC = "val_psnr_db"
SPEC = "spec"


class AutoencoderTrial(Trainable):
    """Trains one autoencoder per trial; `step` is one epoch."""

    _spec: TrialSpec
    _best: BestCheckpoint
    _session: TrainingSession | None = None
    _epochs: Iterator[EpochResult] = iter(())

    def setup(self, config: dict[str, Any]) -> None:
        """Prepare the process once, then the first trial."""
        prepare_process(num_threads=1)
        self._begin(config[SPEC])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Free the finished trial and begin the next one in this process."""
        self._session, self._epochs = None, iter(())
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        self._begin(new_config[SPEC])
        return True

    def step(self) -> dict[str, Any]:
        """Train and validate one epoch; the report is an `EpochResult` or the trial's end."""
        try:
            # The session is built here and not in `_begin`: a model that does not fit must end
            # its own trial, with a reason, and an exception in `reset_config` cannot say one.
            if self._session is None:
                self._session = open_session(self._spec)
                self._epochs = train_epochs(self._session)
            result = next(self._epochs)
        except Exception as error:
            outcome = crash_outcome(error)
            if outcome is Outcome.FAILED:
                raise
            return _end(outcome, crash_reason(error))
        self._best.update(self._session, result)
        report = asdict(result)
        if result.is_last:
            report |= {"done": True, "outcome": Outcome.COMPLETED.value}
        return report

    def __repr__(self) -> str:
        """Name the trial in the Ray dashboard."""
        model = self._spec.model
        return f"{model.arch}-{model.ratio}x-b{model.base_channels}-t{self._spec.number:03d}"

    def _begin(self, spec: TrialSpec) -> None:
        self._spec = spec
        self._best = BestCheckpoint(spec)


def _end(outcome: Outcome, reason: str) -> dict[str, Any]:
    """Return a last report without a score: NaN, because a worst value would soften the rungs."""
    return {"done": True, "outcome": outcome.value, "reason": reason, METRIC: math.nan}
