"""What contexts and rounding by cost save, on the coefficients of a block KLT.

`python -m benchmarks.coder_savings [--data corpus/s1] [--num-images 100]` prints Markdown rows: for
each step, bytes an image of a static coder, and what the others need at the same PSNR, read off the
static coder's curve; and seconds for 100 images to bytes and back on one thread, entropy coder
alone. The KLT is fitted on training patches and needs no training; a network's latents behave
otherwise in detail (docs/DECISIONS.md has those).
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.latent_coding import read
from data.dataset import Corpus
from data.synthetic import ensure_synthetic_corpus
from models.coding.coder_arrays import CoderParts
from models.coding.contexts import Contexts
from models.coding.latent_codec import LatentCoder
from models.coding.linear import fit_block_klt
from models.coding.linear_transforms import KltTransform
from models.coding.restoration import Restoration
from models.coding.symbol_model import fit_symbol_model
from models.metrics.reconstruction import psnr_db

NUM_CHANNELS = 96
NUM_FIT_IMAGES = 64
STEPS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
REPORTED_STEPS = STEPS[1:5]
MOST_SECONDS = 10


@dataclass(frozen=True)
class Coded:
    """Mean PSNR and bytes of an image, and seconds for 100 of them."""

    psnr_db: float
    num_bytes: float
    seconds: float


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a corpus; the synthetic one when left out")
    parser.add_argument("--num-images", type=int, default=100)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    corpus = Corpus.open(options.data or ensure_synthetic_corpus())
    train, x = read(corpus, "train", NUM_FIT_IMAGES), read(corpus, "test", options.num_images)
    transform = KltTransform(fit_block_klt(train[:, 0].numpy(), NUM_CHANNELS))
    latents, y = transform.encode(train), transform.encode(x)
    static = [measure(transform, fit_static(latents, step), x, y) for step in STEPS]
    print(f"| block KLT of {NUM_CHANNELS}, {len(x)} images | static | contexts | and rounding |")
    print("|---|---|---|---|")
    for step in REPORTED_STEPS:
        coders = [LatentCoder.fit(latents, step, rate_weight=0), LatentCoder.fit(latents, step)]
        others = [measure(transform, coder, x, y) for coder in coders]
        print("\n".join(rows(step, static, others)), flush=True)
    return 0


def fit_static(latents: Tensor, step: float) -> LatentCoder:
    """Return the coder of one table for each channel and plain rounding."""
    scaled = (latents.double() / step).numpy().swapaxes(0, 1)
    tables = tuple((fit_symbol_model(channel.ravel()),) for channel in scaled)
    steps = np.full(len(tables), step)
    contexts = Contexts.static(len(tables))
    return LatentCoder(CoderParts(Restoration.plain(steps), contexts, tables, rate_weight=0.0))


def measure(transform: KltTransform, coder: LatentCoder, x: Tensor, y: Tensor) -> Coded:
    coder.decode(coder.encode(y[0]))  # builds the library's tables
    started_s = time.perf_counter()
    codes = [coder.encode(latent) for latent in y]
    decoded = torch.stack([coder.decode(code) for code in codes])
    seconds = (time.perf_counter() - started_s) * 100 / len(y)
    if not torch.equal(decoded, coder.quantise(y)):
        raise AssertionError("bytes did not give the quantised latents back")
    score_db = float(psnr_db(transform.decode(decoded).clamp(0, 1), x).mean())
    return Coded(score_db, sum(map(len, codes)) / len(codes), seconds)


def rows(step: float, static: Sequence[Coded], others: Sequence[Coded]) -> list[str]:
    at_step = static[STEPS.index(step)]
    savings = " | ".join(f"{_excess(static, one):+.2%}" for one in others)
    seconds = " | ".join(f"{one.seconds:.1f} s" for one in (at_step, *others))
    found_db = " | ".join(f"{one.psnr_db:.2f} dB" for one in (at_step, *others))
    return [
        f"| step {step:g}: bytes at equal PSNR | {at_step.num_bytes:.0f} | {savings} |",
        f"| step {step:g}: PSNR | {found_db} |",
        f"| step {step:g}: 100 images to bytes and back, under {MOST_SECONDS} s | {seconds} |",
    ]


def _excess(static: Sequence[Coded], other: Coded) -> float:
    """Return bytes over those of the static curve at the same PSNR, less 1."""
    curve = sorted((one.psnr_db, float(np.log(one.num_bytes))) for one in static)
    equal = np.interp(other.psnr_db, *zip(*curve, strict=True))
    return float(other.num_bytes / np.exp(equal) - 1)


if __name__ == "__main__":
    sys.exit(main())
