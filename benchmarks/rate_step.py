"""What the rate costs a training step: a step for bytes beside one for elements, of equal networks.

`python -m benchmarks.rate_step` prints CPU seconds per step, taken in turn: linear path, 64
latent channels, batches of 16 crops of 64 px, one thread, bf16 as training picks it.
"""

import statistics
import time

import torch

from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.linear_start import ANY_START
from models.training.loop import train_epochs
from models.training.probe import NoiseBatches
from models.training.session import TrainingSession

MODELS = (("linear", 1), ("baseline", 16), ("baseline", 32), ("attention", 16))
RATES = (("elements", 4), ("bytes", 16))
"""Both with 64 channels: elements at 4x, bytes at any ratio."""

NUM_EPOCHS = 6
CROP_PX, BATCH_SIZE = 64, 16


def main() -> None:
    """Prints one line per model."""
    torch.set_num_threads(1)
    for arch, base_channels in MODELS:
        num_steps = 6 if arch == "attention" else 30
        runs = [
            train_epochs(
                _session(ModelConfig(arch, ratio, base_channels, 0.0, 64, True, rate), num_steps)
            )
            for rate, ratio in RATES
        ]
        seconds: list[list[float]] = [[] for _ in runs]
        for _ in range(NUM_EPOCHS):
            for run, measured in zip(runs, seconds, strict=True):
                started_s = time.process_time()
                next(run)
                measured.append((time.process_time() - started_s) / num_steps)
        elements_s, bytes_s = (statistics.median(times[1:]) for times in seconds)
        print(
            f"{arch:>9s} base {base_channels:2d}: {1e3 * elements_s:6.1f} ms for elements, "
            f"{1e3 * bytes_s:6.1f} ms for bytes, ratio {bytes_s / elements_s:.2f}",
            flush=True,
        )


def _session(model: ModelConfig, num_steps: int) -> TrainingSession:
    config = TrainConfig(
        epochs=NUM_EPOCHS,
        patience=NUM_EPOCHS,
        batch_size=BATCH_SIZE,
        precision="bf16",
        channels_last=True,
        mse_weight=1.0,
        ssim_weight=0.0,
    )
    train = NoiseBatches(CROP_PX, BATCH_SIZE, num_steps)
    return TrainingSession(model, config, train, NoiseBatches(16, 1), "cpu", ANY_START)


if __name__ == "__main__":
    main()
