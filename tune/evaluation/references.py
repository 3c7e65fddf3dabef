"""The two linear reference lines of a study: what a ratio is worth without a network.

A PSNR at a ratio says little alone. Block KLT is the best that one linear layer per block can do;
down-and-up sampling is the laziest codec with as many elements. Both are fitted on training
patches of the study's corpus and scored on its own validation images, at its own crop.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from data.batches import EvalBatches
from data.dataset import Corpus
from models.coding.linear import BlockKlt, down_up_sample, fit_block_klt, supports_down_up
from models.metrics.reconstruction import psnr_db, ssim
from models.registry import ModelConfig

MAX_FIT_PATCHES = 400
"""Training patches that the KLT is fitted on: at 256 px, 100,000 blocks for 256 coefficients."""


@dataclass(frozen=True)
class Reference:
    """One reference line at one ratio.

    Attributes:
        reference: "block_klt" or "down_up".
        psnr_db: Mean over the images of the PSNR per image, in dB.
        ssim: Mean over the images of SSIM.
        num_images: Validation images scored.
    """

    reference: str
    psnr_db: float
    ssim: float
    num_images: int


def reference_lines(
    corpus: Corpus, model: ModelConfig, crop_px: int, val_images: int | None
) -> list[Reference]:
    """Fit and score the reference lines that exist at the model's ratio.

    Args:
        corpus: The study's corpus.
        model: Gives ratio and latent channels.
        crop_px: Side of the crops that trials are scored on.
        val_images: Size of the study's validation set; None for all.

    Returns:
        Block KLT always; down-and-up sampling where the ratio is a square (4x, 16x, 64x).
    """
    klt = fit_klt(corpus, model.latent_channels)
    x = np.concatenate(list(EvalBatches(corpus.patches("val"), crop_px, 64, val_images).epoch()))
    lines = [_score("block_klt", klt.reconstruct(x[:, 0]), x)]
    if supports_down_up(model.ratio):
        lines.append(_score("down_up", down_up_sample(x[:, 0], model.ratio), x))
    return lines


def fit_klt(corpus: Corpus, latent_channels: int) -> BlockKlt:
    """Return the block KLT of training patches that are spread evenly over the corpus."""
    train = corpus.patches("train")
    positions = np.linspace(0, len(train) - 1, min(len(train), MAX_FIT_PATCHES)).astype(np.int64)
    return fit_block_klt(train.read(positions), latent_channels)


def _score(reference: str, x_hat: NDArray[np.float32], x: NDArray[np.float32]) -> Reference:
    decoded = torch.from_numpy(np.clip(x_hat, 0.0, 1.0)[:, None].astype(np.float32))
    original = torch.from_numpy(x)
    return Reference(
        reference=reference,
        psnr_db=float(psnr_db(decoded, original).mean()),
        ssim=float(ssim(decoded, original).mean()),
        num_images=len(x),
    )
