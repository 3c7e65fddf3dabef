"""How much validation PSNR jumps from epoch to epoch, for live and for averaged weights.

`python -m benchmarks.validation_noise CORPUS` trains one architecture at three learning rates and
prints, as Markdown, the noise of its validation PSNR. Both kinds of weights belong to the same run,
so the rows differ in nothing else. Noise is the standard deviation of the second differences over
√6: what independent jumps of that size would give, whatever the straight trend beneath.
"""

import argparse
from collections.abc import Sequence

import numpy as np

LEARNING_RATES = (1e-4, 3e-4, 1e-3)
BASE_CHANNELS = 32
RATIO = 16
CROP_PX = 64
BATCH_SIZE = 16
NUM_TRAIN_PATCHES = 24
NUM_VAL_IMAGES = 128
FIRST_EPOCH = 4  # the steep rise before it is no noise


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", nargs="?", default="corpus/synthetic")
    parser.add_argument("--arch", default="baseline")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args(argv)
    print("| learning rate | live dB | live noise dB | averaged dB | averaged noise dB |")
    print("|---|---|---|---|---|")
    for learning_rate in LEARNING_RATES:
        curves = [
            train(options.corpus, options.arch, learning_rate, options.epochs, seed)
            for seed in range(options.seeds)
        ]
        live, averaged = np.array(curves).transpose(1, 0, 2)  # (seed, epoch)
        cells = [f"{learning_rate:g}"]
        for curve in (live, averaged):
            cells += [f"{curve[:, -1].mean():.2f}", f"{noise_db(curve):.3f}"]
        print("| " + " | ".join(cells) + " |", flush=True)
    return 0


def noise_db(curves: np.ndarray) -> float:
    """Noise of PSNR curves (seed, epoch), pooled over seeds."""
    bends = np.diff(curves[:, FIRST_EPOCH - 1 :], n=2, axis=1)
    return float(np.sqrt(np.mean(bends**2) / 6))


def train(
    corpus: str, arch: str, learning_rate: float, epochs: int, seed: int
) -> tuple[list[float], list[float]]:
    """Validation PSNR per epoch of the live and of the averaged weights."""
    import torch

    from data.batches import EvalBatches, TrainBatches
    from data.dataset import Corpus
    from models.metrics.reconstruction import psnr_db
    from models.registry import ModelConfig
    from models.training.config import TrainConfig
    from models.training.loop import train_epochs
    from models.training.precision import choose_stack, prepare_process
    from models.training.session import TrainingSession

    prepare_process(num_threads=1)
    opened = Corpus.open(corpus)
    share = min(1.0, NUM_TRAIN_PATCHES / opened.info.num_patches["train"])
    patches = opened.patches("train", fraction=share, seed=seed)
    batches = TrainBatches(patches, crop_px=CROP_PX, batch_size=BATCH_SIZE, seed=seed)
    val = EvalBatches(opened.patches("val"), CROP_PX, BATCH_SIZE, limit=NUM_VAL_IMAGES)
    model_config = ModelConfig(arch, RATIO, BASE_CHANNELS)
    stack = choose_stack(model_config, CROP_PX, BATCH_SIZE)
    train_config = TrainConfig(
        learning_rate=learning_rate,
        epochs=epochs,
        warmup_epochs=3,
        seed=seed,
        precision=stack.precision,
        channels_last=stack.channels_last,
    )
    session = TrainingSession(model_config, train_config, batches, val)
    live, averaged = [], []
    for result in train_epochs(session):
        session.model.eval()
        with torch.inference_mode():
            images = [torch.from_numpy(batch) for batch in val.epoch()]
            scores = torch.cat([psnr_db(session.model(x)[0], x) for x in images])
        live.append(scores.mean().item())
        averaged.append(result.val_psnr_db)
    return live, averaged


if __name__ == "__main__":
    raise SystemExit(main())
