"""Does the network pay? Trains models for bytes and compares them with codecs at equal bytes.

`python -m benchmarks.rate CORPUS [--arch linear,baseline] [--ratio 16] [--steps 1500] ...` trains
one model per architecture, ratio and seed on one thread, codes test patches at real bytes, header
included, and prints the difference of its mean PSNR to that of JPEG2000 and HEVC intra on the same
patches, interpolated over the logarithm of the rate. `--lines FILE` also appends a JSON line each.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.batches import EvalBatches, TrainBatches
from data.dataset import Corpus
from models.coding.classical import encode_jpeg2000
from models.coding.heif_codecs import encode_hevc_intra
from models.metrics.reconstruction import psnr_db
from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.loop import train_epochs
from models.training.session import TrainingSession
from tune.evaluation.codecs import Encode, code_classically
from tune.evaluation.coding import decode_from_bytes
from tune.evaluation.coding_at_rate import fit_coders_around_rate
from tune.evaluation.images import read_images
from tune.evaluation.run_model import RunModel
from tune.space.dimensions import LATENT_CHOICES
from tune.trial.linear_start import linear_start

NUM_TEST = 40
NUM_TABLE_PATCHES = 64
NUM_VAL = 64
CROP_PX = 64
BATCH_SIZE = 16
STEPS_PER_EPOCH = 60
RATIOS_OF_CURVES = (3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)
CODECS: dict[str, Encode] = {"jpeg2000": encode_jpeg2000, "hevc_intra": encode_hevc_intra}


@dataclass(frozen=True)
class Effort:
    """How much is trained and coded.

    Attributes:
        steps: Training steps, of BATCH_SIZE crops.
        learning_rate: The highest of the schedule.
        device: Where training and network compute.
        num_test: Test patches.
        crop_px: Side of the crops.
        ratios_of_curves: Budgets at which codecs code the test patches.
    """

    steps: int
    learning_rate: float = 1e-3
    device: str = "cpu"
    num_test: int = NUM_TEST
    crop_px: int = CROP_PX
    ratios_of_curves: tuple[int, ...] = RATIOS_OF_CURVES

    @property
    def of_curves(self) -> tuple[int, tuple[int, ...]]:
        """What the curves of codecs depend on."""
        return self.num_test, self.ratios_of_curves


@dataclass(frozen=True)
class Point:
    """A model at one step scale on the test patches."""

    arch: str
    ratio: int
    latent_channels: int
    seed: int
    steps: int
    learning_rate: float
    train_cpu_s: float
    step_scale: float
    rate_bpp: float
    estimate_bpp: float
    psnr_db: float
    over_jpeg2000_db: float
    over_hevc_intra_db: float


def main() -> None:
    """Trains, codes and prints."""
    arguments = _arguments()
    torch.set_num_threads(1)
    corpus = Corpus.open(Path(arguments.corpus))
    cells = product(
        map(int, arguments.ratio.split(",")), arguments.arch.split(","), range(arguments.seeds)
    )
    print(f"{'model':>24s}  seed  CPU-s  scale    bpp  (est.)  PSNR dB  over JPEG2000  over HEVC")
    for ratio, arch, seed in cells:
        channels = arguments.latent_channels or LATENT_CHOICES[ratio][1]
        model = ModelConfig(
            arch,
            ratio,
            arguments.base_channels,
            latent_channels=channels,
            linear_path=True,
            rate="bytes",
        )
        effort = Effort(arguments.steps, arguments.learning_rate)
        for point in measure(corpus, model, seed, effort):
            print(
                f"{arch:>14s} {ratio:3d}x C {channels:3d}  {seed:4d}  {point.train_cpu_s:5.0f}  "
                f"{point.step_scale:5.2f}  {point.rate_bpp:.3f}  ({point.estimate_bpp:.3f})  "
                f"{point.psnr_db:7.2f}  {point.over_jpeg2000_db:+13.2f}  "
                f"{point.over_hevc_intra_db:+9.2f}",
                flush=True,
            )
            if arguments.lines:
                with Path(arguments.lines).open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(point)) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rate")
    parser.add_argument("corpus")
    parser.add_argument("--arch", default="linear,baseline")
    parser.add_argument("--ratio", default="16")
    parser.add_argument("--base-channels", type=int, default=16)
    parser.add_argument("--latent-channels", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--lines", default="")
    return parser.parse_args()


def measure(corpus: Corpus, model: ModelConfig, seed: int, effort: Effort) -> list[Point]:
    """Return the points of one training."""
    started_s = time.process_time()
    session = train(corpus, model, seed, effort)
    train_cpu_s = time.process_time() - started_s
    run = RunModel(session.scored_model(), session.train_config.precision, effort.device)
    fit = _patches(corpus, "train", NUM_TABLE_PATCHES)
    val, test = _patches(corpus, "val", NUM_VAL), _test_patches(corpus.path, effort.num_test)
    coders = fit_coders_around_rate(run, fit, val, model.target_bpp)
    decoded = decode_from_bytes(run, [one.coder for one in coders], test)
    points = []
    for one, images in zip(coders, decoded, strict=True):
        assert images.rates_bpp is not None
        assert images.estimates_bpp is not None
        assert one.step_scale is not None
        rate_bpp = float(np.mean(images.rates_bpp))
        score_db = float(psnr_db(torch.from_numpy(images.pixels), test).mean())
        over = {
            name: score_db - _interpolate(curve(corpus.path, name, *effort.of_curves), rate_bpp)
            for name in CODECS
        }
        points.append(
            Point(
                arch=model.arch,
                ratio=model.ratio,
                latent_channels=model.latent_channels,
                seed=seed,
                steps=effort.steps,
                learning_rate=effort.learning_rate,
                train_cpu_s=train_cpu_s,
                step_scale=one.step_scale,
                rate_bpp=rate_bpp,
                estimate_bpp=float(np.mean(images.estimates_bpp)),
                psnr_db=score_db,
                over_jpeg2000_db=over["jpeg2000"],
                over_hevc_intra_db=over["hevc_intra"],
            )
        )
    return points


@dataclass(frozen=True)
class ShortEpochs:
    """The first batches of every epoch of another source.

    Attributes:
        source: Where they come from.
        num_batches: How many.
    """

    source: TrainBatches
    num_batches: int

    def epoch(self, epoch: int) -> Iterator[NDArray[np.float32]]:
        """Yield them."""
        return islice(self.source.epoch(epoch), self.num_batches)


def train(corpus: Corpus, model: ModelConfig, seed: int, effort: Effort) -> TrainingSession:
    """Return a session at its end."""
    per_epoch = min(STEPS_PER_EPOCH, effort.steps)
    epochs = max(1, effort.steps // per_epoch)
    config = TrainConfig(
        learning_rate=effort.learning_rate,
        warmup_epochs=min(1, epochs - 1),
        epochs=epochs,
        schedule="cosine",
        mse_weight=1.0,
        ssim_weight=0.0,
        batch_size=BATCH_SIZE,
        patience=epochs,
        seed=seed,
        precision="bf16",
        channels_last=True,
    )
    crops = TrainBatches(corpus.patches("train"), effort.crop_px, BATCH_SIZE, seed)
    val = EvalBatches(corpus.patches("val"), effort.crop_px, NUM_VAL, NUM_VAL)
    start = linear_start(corpus.path, corpus.info.split_fingerprint)
    batches = ShortEpochs(crops, per_epoch)
    session = TrainingSession(model, config, batches, val, effort.device, start)
    for _ in train_epochs(session):
        pass
    return session


def _patches(corpus: Corpus, split: str, limit: int) -> Tensor:
    """Return whole patches spread evenly over a split, (N, 1, P, P)."""
    return torch.from_numpy(read_images(corpus, split, corpus.info.patch_px, limit).pixels)


@lru_cache
def _test_patches(folder: Path, limit: int) -> Tensor:
    """Return test patches drawn at random, (N, 1, P, P)."""
    patches = Corpus.open(folder).patches("test")
    count = min(limit, len(patches))
    positions = np.sort(np.random.default_rng(0).choice(len(patches), count, replace=False))
    return torch.from_numpy(patches.read(positions))[:, None]


@lru_cache
def curve(folder: Path, codec: str, num_test: int, ratios: tuple[int, ...]) -> NDArray[np.float64]:
    """Return rate and PSNR of a codec on the test patches, (points, 2), by rising rate."""
    test = _test_patches(folder, num_test)
    points = []
    for ratio in ratios:
        decoded = code_classically(CODECS[codec], test.numpy(), ratio)
        assert decoded.rates_bpp is not None
        if np.isfinite(decoded.rates_bpp).all():
            score_db = float(psnr_db(torch.from_numpy(decoded.pixels), test).mean())
            points.append((float(np.mean(decoded.rates_bpp)), score_db))
    return np.array(sorted(points))


def _interpolate(points: NDArray[np.float64], rate_bpp: float) -> float:
    """Return the PSNR of a curve at a rate; NaN outside of it."""
    rates, scores = np.log(points[:, 0]), points[:, 1]
    return float(np.interp(np.log(rate_bpp), rates, scores, left=np.nan, right=np.nan))


if __name__ == "__main__":
    main()
