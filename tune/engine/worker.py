"""The Ray actor that runs trials, one epoch a step, one trial after another in one process.

Starting a process, importing torch and opening the corpus takes seconds, so actors are reused:
`reset_config` puts the next trial into the same process. What a worker unpickles is defined here
and in `tune.trial.spec`, never in a command's module (which is `__main__` while it runs).

A non-finite value and an exhausted memory end the trial cleanly, as a last report with an outcome
and a reason; every other exception is left to Ray, which ends the actor with the trial, because
nobody knows what state the process is in.
"""

import gc
import math
import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from ray.tune import PlacementGroupFactory, Trainable

from models.training.epoch_result import EpochResult
from models.training.precision import prepare_process
from tune.engine.node import on_node
from tune.engine.staged_trial import run_staged
from tune.engine.staging import Stage
from tune.outcomes import Outcome
from tune.trial.crashes import crash_outcome, crash_reason
from tune.trial.run import run_trial
from tune.trial.spec import Placement, TrialSpec

METRIC = "val_psnr_db"
SPEC = "spec"
STAGE = "stage"
NOTES = "notes"
RESULT = "result"


class AutoencoderTrial(Trainable):
    """Trains one autoencoder per trial; `step` is one epoch."""

    _spec: TrialSpec
    _notes: list[str]
    _epochs: Iterator[EpochResult] = iter(())

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> PlacementGroupFactory:
        """Ask Ray for what is reserved for the trial: a core, and its memory."""
        return _request(config[SPEC].placement)

    def setup(self, config: dict[str, Any]) -> None:
        """Prepare the process once, then the first trial."""
        placement = config[SPEC].placement
        prepare_process(num_threads=placement.num_threads)
        if placement.raylet is not None:
            # Every raylet of a machine unpacks our code into the same folder, in which workers
            # start: when one joins, the others stand in a folder that is gone.
            os.chdir("/")
        self._begin(config[SPEC], config.get(STAGE))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Free the finished trial and begin the next one in this process."""
        self.cleanup()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        self._begin(new_config[SPEC], new_config.get(STAGE))
        return True

    def cleanup(self) -> None:
        """Let go of the trial, its files in a scratch folder included."""
        self._epochs = iter(())
        gc.collect()

    def step(self) -> dict[str, Any]:
        """Train and validate one epoch; the report is an `EpochResult` or the trial's end."""
        try:
            result = next(self._epochs)
        except Exception as error:
            outcome = crash_outcome(error)
            if outcome is Outcome.FAILED:
                raise
            return _end(outcome, crash_reason(error))
        # The result as a whole: of plain numbers Ray keeps statistics, for every trial to the end.
        values = {METRIC: result.val_psnr_db, RESULT: result, NOTES: [*self._notes]}
        self._notes.clear()
        if result.is_last:
            values |= {"done": True, "outcome": Outcome.COMPLETED.value}
            self.cleanup()  # there may be no next trial, and the process may just be killed
        return values

    def __repr__(self) -> str:
        """Name the trial in the Ray dashboard."""
        model = self._spec.model
        return f"{model.arch}-{model.ratio}x-b{model.base_channels}-{self._spec.short_name}"

    def _begin(self, spec: TrialSpec, stage: Stage | None) -> None:
        # The session is built in the first step and not here: a model that does not fit must end
        # its own trial, with a reason, and an exception in `reset_config` cannot say one.
        self._spec, self._notes = spec, []
        say = self._notes.append
        self._epochs = run_trial(spec, say) if stage is None else run_staged(spec, stage, say)
        if spec.device == "cuda" and spec.placement.cap_mib is not None:
            cap_allocator(spec.placement.cap_mib)


@lru_cache
def _request(placement: Placement) -> PlacementGroupFactory:
    """Return one request for all trials of a placement: Ray keeps each trial's to the end."""
    request = {"CPU": 1.0, "GPU": placement.gpu_fraction, "memory": placement.ram_mib * 2**20}
    parts = {name: part for name, part in request.items() if part}
    if placement.raylet is None:
        return PlacementGroupFactory([parts])
    return PlacementGroupFactory([parts], bundle_label_selector=[on_node(placement.raylet)])


def cap_allocator(cap_mib: float) -> None:
    """Limit what torch may take of the card in this process.

    A trial that needs more than was reserved then fails alone, as out of memory, instead of taking
    the memory of its neighbours or, under some drivers, spilling into the machine's at a seventieth
    of the speed.
    """
    total_mib = torch.cuda.get_device_properties(0).total_memory / 2**20
    torch.cuda.set_per_process_memory_fraction(min(1.0, max(0.0, cap_mib / total_mib)))


def _end(outcome: Outcome, reason: str) -> dict[str, Any]:
    """Return a last report without a score: NaN, because a worst value would soften the rungs."""
    return {"done": True, "outcome": outcome.value, "reason": reason, METRIC: math.nan}
