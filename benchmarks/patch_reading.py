"""How soon a batch of training patches is ready, against the training step that consumes it.

`python -m benchmarks.patch_reading [--data corpus/s1]` prints Markdown rows: bytes per stored
pixel, and milliseconds for a batch of 32 random 256² training patches from a warm page cache beside
those of a training step of the narrowest baseline, the cheapest model there is, on as many threads
as the machine has cores. Both take turns in one process, so that a busy machine slows both; medians
are compared. The last row does the same for the small random crops that a CPU searches with.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.batches import TrainBatches
from data.dataset import Corpus, PatchSet
from data.synthetic import ensure_synthetic_corpus

BATCH_SIZE = 32
CROP_PX = 64
BASE_CHANNELS = 8
RATIO = 16
LEAST_RATIO = 10.0

Batch = NDArray[np.float32]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a corpus; the synthetic one when left out")
    parser.add_argument("--turns", type=int, default=7)
    options = parser.parse_args(argv)
    corpus = Corpus.open(options.data or ensure_synthetic_corpus())
    print("\n".join(run(corpus, options.turns)))
    return 0


def run(corpus: Corpus, turns: int = 7) -> list[str]:
    """Measure, and give the rows of a Markdown table."""
    patches = corpus.patches("train")
    patches.read(np.arange(len(patches)))  # the page cache is warm from here on
    patch_px = patches.patch_px
    return [
        f"| reading patches of {corpus.info.name} | measured | required |",
        "|---|---|---|",
        f"| bytes per stored pixel | {bytes_per_pixel(corpus):.4f} | at most 2.1 |",
        _row(f"{BATCH_SIZE} random patches of {patch_px}²", _random_patches(patches), turns),
        _row(f"{BATCH_SIZE} random crops of {CROP_PX}²", _random_crops(patches), turns),
    ]


def bytes_per_pixel(corpus: Corpus) -> float:
    """Bytes of the whole corpus folder by pixels of its patches."""
    num_bytes = sum(file.stat().st_size for file in corpus.path.rglob("*") if file.is_file())
    return num_bytes / (len(corpus.index) * corpus.info.patch_px**2)


def _random_patches(patches: PatchSet) -> Callable[[], Batch]:
    generator = np.random.default_rng(0)
    return lambda: patches.read(generator.integers(0, len(patches), BATCH_SIZE))[:, None]


def _random_crops(patches: PatchSet) -> Callable[[], Batch]:
    batches = TrainBatches(patches, CROP_PX, BATCH_SIZE, seed=0)
    source = (batch for epoch in range(1_000_000) for batch in batches.epoch(epoch))
    return lambda: next(source)


def _row(name: str, read: Callable[[], Batch], turns: int) -> str:
    step = _training_step()
    reading_s: list[float] = []
    training_s: list[float] = []
    step(read())
    for _ in range(turns):
        started_s = time.perf_counter()
        batch = read()
        reading_s.append(time.perf_counter() - started_s)
        started_s = time.perf_counter()
        step(batch)
        training_s.append(time.perf_counter() - started_s)
    ready_s, step_s = statistics.median(reading_s), statistics.median(training_s)
    return (
        f"| {name}: {ready_s * 1e3:.2f} ms; training step of baseline{BASE_CHANNELS}: "
        f"{step_s * 1e3:.1f} ms | {step_s / ready_s:.0f}x | at least {LEAST_RATIO:.0f}x |"
    )


def _training_step() -> Callable[[Batch], None]:
    """One step of the narrowest baseline, as the library trains it."""
    import torch

    from models.registry import ModelConfig, build_model
    from models.training.losses import LossWeights, reconstruction_loss

    torch.set_num_threads(os.cpu_count() or 1)
    model = build_model(ModelConfig("baseline", RATIO, BASE_CHANNELS), seed=0).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(batch: Batch) -> None:
        x = torch.from_numpy(np.ascontiguousarray(batch))
        x_hat, _ = model(x)
        loss = reconstruction_loss(x_hat, x, LossWeights(0.5, 0.5)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    sys.exit(main())
