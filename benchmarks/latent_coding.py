"""How long it takes to turn images into bytes and back, and how near the bytes are to the estimate.

`python -m benchmarks.latent_coding [--data corpus/s1] [--num-images 100]` prints Markdown rows:
seconds for encoding images of 256² to bytes and decoding them again, networks and entropy coder,
with the widest usual model, on as many threads as the machine has cores; and the coded
rate over the model's own estimate. Weights are fresh: time does not depend on them, and the rate is
compared with the estimate of the same latents. Nothing here says how good a rate is.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data.dataset import Corpus
from data.synthetic import ensure_synthetic_corpus
from models.coding.latent_codec import LatentCoder
from models.networks.autoencoder import Autoencoder
from models.registry import ModelConfig, build_model

BASE_CHANNELS = 64
RATIOS = (4, 16, 64)
STEPS_BY_DEVIATION = (1 / 8, 1)
NUM_FIT_IMAGES = 16
CHUNK_IMAGES = 4
MOST_SECONDS = 30
MOST_EXCESS = 0.05


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a corpus; the synthetic one when left out")
    parser.add_argument("--num-images", type=int, default=100)
    options = parser.parse_args(argv)
    torch.set_num_threads(os.cpu_count() or 1)
    corpus = Corpus.open(options.data or ensure_synthetic_corpus())
    fitted, coded = read(corpus, "train", NUM_FIT_IMAGES), read(corpus, "test", options.num_images)
    print(f"| {len(coded)} test patches of {corpus.info.patch_px}² | measured | required |")
    print("|---|---|---|")
    for ratio in RATIOS:
        model = build_model(ModelConfig("baseline", ratio, BASE_CHANNELS), seed=0).eval()
        print("\n".join(measure(model, ratio, fitted, coded)), flush=True)
    return 0


def read(corpus: Corpus, split: str, num_images: int) -> Tensor:
    patches = corpus.patches(split)
    positions = np.linspace(0, len(patches) - 1, num_images).astype(np.int64)
    return torch.from_numpy(patches.read(positions))[:, None]


@torch.inference_mode()
def measure(model: Autoencoder, ratio: int, fitted: Tensor, x: Tensor) -> list[str]:
    """Time the network once, for time does not depend on the step, and the coder at each step."""
    latents = torch.cat([model.encode(chunk) for chunk in fitted.split(CHUNK_IMAGES)])
    started_s, started_cpu_s = time.perf_counter(), time.process_time()
    y = torch.cat([model.encode(chunk) for chunk in x.split(CHUNK_IMAGES)])
    for chunk in y.split(CHUNK_IMAGES):
        model.decode(chunk)
    network_s, network_cpu_s = (
        time.perf_counter() - started_s,
        time.process_time() - started_cpu_s,
    )
    deviation = float(latents.std())
    coders = [LatentCoder.fit(latents, share * deviation) for share in STEPS_BY_DEVIATION]
    name = f"baseline{BASE_CHANNELS} at {ratio}x"
    rows = [
        f"| {name}: networks, encode and decode | {network_s:.1f} s, {network_cpu_s:.1f} s CPU | |"
    ]
    for share, coder in zip(STEPS_BY_DEVIATION, coders, strict=True):
        coder_s, num_bytes = _code(coder, y)
        excess = 8 * num_bytes / sum(coder.estimate_bits(latent) for latent in y) - 1
        step = f"{name}, step {share:g} deviations"
        rows += [
            f"| {step}: with the entropy coder | {network_s + coder_s:.1f} s, of which the coder "
            f"{coder_s:.2f} s | under {MOST_SECONDS} s |",
            f"| {step}: {num_bytes / len(y):.0f} bytes an image, header included, over the "
            f"estimate | {excess:+.2%} | under {MOST_EXCESS:.0%} |",
        ]
    return rows


def _code(coder: LatentCoder, y: Tensor) -> tuple[float, int]:
    """Seconds to bytes and back, and bytes in all."""
    started_s = time.perf_counter()
    codes = [coder.encode(latent) for latent in y]
    decoded = torch.stack([coder.decode(code) for code in codes])
    seconds = time.perf_counter() - started_s
    if not torch.equal(decoded, coder.quantise(y)):
        raise AssertionError("bytes did not give the quantised latents back")
    return seconds, sum(map(len, codes))


if __name__ == "__main__":
    sys.exit(main())
