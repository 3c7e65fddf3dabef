"""Predicted memory against the allocator's, and the seconds that a prediction takes.

`python -m benchmarks.footprint` prints a Markdown table. Measured is the highest sum of torch's
allocations, as its profiler notes them, while a session is built, takes two steps and scores a
validation batch on the CPU; the images, which numpy holds, are added. Seconds are those of the
configuration's first prediction.
"""

import argparse
import dataclasses
import time
from collections.abc import Sequence

import torch

from models.footprint.predict import MIB, predict_footprint
from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.linear_start import ANY_START
from models.training.loop import train_epochs
from models.training.probe import NoiseBatches
from models.training.session import TrainingSession

RATIO = 16
SIZES = (  # base channels, side of the images, images per backward pass, per step
    (8, 64, 8, 8),
    (16, 64, 16, 16),
    (16, 128, 8, 8),
    (32, 64, 1, 1),
    (16, 64, 2, 16),
    (16, 256, 1, 1),
)
STACKS = (("fp32", False), ("fp32", True), ("bf16", True))
"""Precision and channels_last: those that training chooses from."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint")
    archs = ("baseline", "resnet", "residual", "attention")
    parser.add_argument("--arch", choices=archs, nargs="+", default=list(archs))
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    predict_footprint(ModelConfig("baseline", RATIO, 1), 16, 1, "fp32")  # torch's imports
    stacks = [f"{p} channels_last" if is_last else p for p, is_last in STACKS]
    titles = [f"{s}: predicted MiB | measured MiB | error" for s in stacks]
    print("| model | px | images | " + " | ".join(titles) + " | s |")
    print("|---" * (4 + 3 * len(STACKS)) + "|")
    for arch in options.arch:
        for size in SIZES:
            print(row(arch, *size), flush=True)
    return 0


def row(arch: str, base_channels: int, patch_px: int, micro_batch: int, batch_size: int) -> str:
    """Return the row of one configuration."""
    model = ModelConfig(arch, RATIO, base_channels)
    cells, seconds = [], []
    for precision, is_last in STACKS:
        started_s = time.perf_counter()
        predicted_mib = predict_footprint(
            model, patch_px, micro_batch, precision, images_per_step=batch_size
        ).peak_mib
        seconds.append(time.perf_counter() - started_s)
        config = TrainConfig(
            batch_size=batch_size,
            micro_batch=micro_batch,
            precision=precision,
            channels_last=is_last,
        )
        measured_mib = measure_peak_mib(model, config, patch_px)
        error = predicted_mib / measured_mib - 1
        cells.append(f"{predicted_mib:.2f} | {measured_mib:.2f} | {error:+.1%}")
    images = f"{micro_batch}" if micro_batch == batch_size else f"{micro_batch} of {batch_size}"
    return (
        f"| {arch}{base_channels} | {patch_px} | {images} | {' | '.join(cells)} "
        f"| {max(seconds):.2f} |"
    )


def measure_peak_mib(model: ModelConfig, config: TrainConfig, patch_px: int) -> float:
    """Return the most memory that two steps and a validation batch hold in tensors at a time."""
    config = dataclasses.replace(config, epochs=1, warmup_epochs=0)
    train = NoiseBatches(patch_px, config.batch_size, num_batches=2)
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        session = TrainingSession(
            model, config, train, NoiseBatches(patch_px, config.batch_size), start=ANY_START
        )
        for _ in train_epochs(session):
            pass
    events = profile.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    live_bytes = peak_bytes = 0
    for _, num_bytes in changes:
        live_bytes += num_bytes
        peak_bytes = max(peak_bytes, live_bytes)
    images_bytes = (config.micro_batch or config.batch_size) * patch_px**2 * 4
    return (peak_bytes + images_bytes) / MIB


if __name__ == "__main__":
    raise SystemExit(main())
