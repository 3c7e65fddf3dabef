"""The Gaussian bound of test images, beside that of other spectra and of block transforms.

`python -m benchmarks.gaussian_bound CORPUS` prints Markdown rows: PSNR in dB at rates, on 40 test
patches drawn with `numpy.random.default_rng(0)`, and on up to 400 training patches.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import Corpus
from models.coding.gaussian_bound import Spectrum, fit_spectrum
from models.coding.linear import BLOCK_SIZE, BlockKlt, fit_block_klt

RATES_BPP = (2.0, 1.0, 0.5, 0.25, 0.125)
NUM_TEST, NUM_TRAIN = 40, 400
WELCH_PX = 64
"""Side of the half-overlapping blocks that the spectrum of a single image is a mean over."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="the prepared corpus")
    train, test = read_patches(Corpus.open(parser.parse_args(argv).corpus))
    own = np.array([fit_spectrum(welch_blocks(x)).psnr_db(RATES_BPP) for x in test])
    klt = fit_block_klt(train, BLOCK_SIZE)
    print(f"| PSNR dB at bit/px | {' | '.join(f'{rate:g}' for rate in RATES_BPP)} |")
    print("|---" * (len(RATES_BPP) + 1) + "|")
    for name, psnr_db in (
        ("bound, mean spectrum of the test patches", fit_spectrum(test).psnr_db(RATES_BPP)),
        ("the same of the training patches", fit_spectrum(train).psnr_db(RATES_BPP)),
        ("bound of each test patch's own spectrum, mean of PSNRs", own.mean(axis=0)),
        (
            "the same, PSNR of the mean squared error",
            -10 * np.log10((10 ** (-own / 10)).mean(axis=0)),
        ),
        (
            "block KLT of the training patches, its variances on the test patches",
            block_spectrum(klt, test).psnr_db(RATES_BPP),
        ),
    ):
        print(f"| {name} | {' | '.join(f'{one:.2f}' for one in psnr_db)} |")
    return 0


def read_patches(corpus: Corpus) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return training and test patches, (N, P, P)."""
    train, test = (corpus.patches(split) for split in ("train", "test"))
    spread = np.linspace(0, len(train) - 1, min(len(train), NUM_TRAIN)).astype(np.int64)
    num_test = min(len(test), NUM_TEST)
    drawn = np.random.default_rng(0).choice(len(test), num_test, replace=False)
    return train.read(spread), test.read(np.sort(drawn))


def welch_blocks(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return half-overlapping blocks of an image: means over them have less chance in them."""
    side = min(WELCH_PX, *image.shape)
    windows = np.lib.stride_tricks.sliding_window_view(image, (side, side))
    return windows[:: side // 2, :: side // 2].reshape(-1, side, side)


def block_spectrum(klt: BlockKlt, patches: NDArray[np.float32]) -> Spectrum:
    """Return the mean power of each coefficient, which is water-filled like a frequency."""
    return Spectrum(np.square(klt.analyse(patches).astype(np.float64)).mean(axis=(0, 2, 3)))


if __name__ == "__main__":
    sys.exit(main())
