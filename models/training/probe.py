"""The child process of `models.training.precision`: times training steps of stacks.

On the CPU it counts CPU seconds, which a busy machine changes least, and takes the fastest of some
ten steps.

`python -m models.training.probe REQUEST` with the request as JSON. Prints one JSON line per stack
that survived its first epoch, and at the end one with the seconds per step of all of them. Which
lines are missing tells the parent which stack crashed.
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.epoch_result import EpochResult
from models.training.linear_start import ANY_START
from models.training.loop import train_epochs
from models.training.precision import prepare_process
from models.training.session import TrainingSession

BUDGET_S = 1.5
MAX_EPOCHS = 20


@dataclass(frozen=True)
class NoiseBatches:
    """Batches of noise: speed does not depend on what is learnt."""

    crop_px: int
    batch_size: int
    num_batches: int = 1

    def epoch(self, epoch: int) -> Iterator[NDArray[np.float32]]:
        """num_batches batches."""
        random = np.random.default_rng(epoch)
        for _ in range(self.num_batches):
            shape = (self.batch_size, 1, self.crop_px, self.crop_px)
            yield random.random(shape, dtype=np.float32)


def main() -> None:
    """Reads the request from the command line, prints timings."""
    request = json.loads(sys.argv[1])
    prepare_process(request["num_threads"])
    runs: list[Iterator[EpochResult]] = []
    for precision, channels_last in request["stacks"]:
        runs.append(_start(request, precision, channels_last))
        next(runs[-1])
        _print({"warm": True})
    read_clock = time.process_time if request["device"] == "cpu" else time.perf_counter
    seconds: list[list[float]] = [[] for _ in runs]
    started_s = read_clock()
    while not seconds[0] or (
        read_clock() - started_s < BUDGET_S and len(seconds[0]) < MAX_EPOCHS - 1
    ):
        for run, measured in zip(runs, seconds, strict=True):
            turn_s = read_clock()
            next(run)
            measured.append(read_clock() - turn_s)
    # What else runs makes a step longer, never shorter: the median follows it, the least does not.
    _print({"seconds": [min(s) for s in seconds]})


def _start(
    request: dict[str, object], precision: str, channels_last: bool
) -> Iterator[EpochResult]:
    model_config = ModelConfig(**request["model_config"])  # type: ignore[arg-type]
    batches = NoiseBatches(request["crop_px"], request["batch_size"])  # type: ignore[arg-type]
    train_config = TrainConfig(
        epochs=MAX_EPOCHS,
        patience=MAX_EPOCHS,
        batch_size=batches.batch_size,
        precision=precision,
        channels_last=channels_last,
    )
    tiny = NoiseBatches(crop_px=16, batch_size=1)
    device = str(request["device"])
    session = TrainingSession(model_config, train_config, batches, tiny, device, ANY_START)
    return train_epochs(session)


def _print(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
