"""The reference lines of a study: what a ratio is worth without a network.

A PSNR at a ratio says little alone. All lines are of the study's corpus and scored on its own
validation images, at its own crop:

- Where the ratio counts elements: block KLT, the best that one linear layer per block can do, and
  down-and-up sampling, the laziest codec with as many elements; nothing is quantised.
- Where it counts bytes: block KLT with all its coefficients at one step, and JPEG2000, both at the
  target rate. The rate of the KLT is what its tables expect, as that of a trial is what its rate
  model expects. JPEG2000 codes the whole patches that the crops are the middles of, because its
  header of about 100 bytes would be half the code of a small crop.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.dataset import Corpus
from models.coding.classical import encode_jpeg2000, to_8_bit
from models.coding.latent_codec import LatentCoder
from models.coding.linear import BlockKlt, down_up_sample, supports_down_up
from models.coding.linear_transforms import KltTransform
from models.metrics.reconstruction import psnr_db, ssim
from models.registry import ModelConfig
from models.shapes import REDUCTION
from tune.evaluation.coding_at_rate import fit_at_rate
from tune.evaluation.images import ImageSet, read_images
from tune.trial.linear_start import linear_start

KLT_STEP = math.exp(-1.0)
"""Where the search for the step of the KLT begins: about that of 0.35 bits per pixel."""

KLT_TOLERANCE = 1e-3
"""Share of the target that the rate of the KLT may be off."""

NUM_TABLE_PATCHES = 32
"""Training patches that the coder's tables of the KLT are fitted on."""


@dataclass(frozen=True)
class Reference:
    """One reference line at one ratio.

    Attributes:
        reference: "block_klt", "down_up" or "jpeg2000".
        psnr_db: Mean over the images of the PSNR per image, in dB.
        ssim: Mean over the images of SSIM.
        num_images: Validation images scored.
        rate_bpp: Mean rate of the images, in bits per pixel; None where nothing is quantised.
    """

    reference: str
    psnr_db: float
    ssim: float
    num_images: int
    rate_bpp: float | None = None


def reference_lines(
    corpus: Corpus,
    model: ModelConfig,
    crop_px: int,
    val_images: int | None,
    go_on: Callable[[], None] = lambda: None,
) -> list[Reference]:
    """Fit and score the reference lines that exist at the model's ratio.

    Args:
        corpus: The study's corpus.
        model: Gives the ratio and what it counts.
        crop_px: Side of the crops that trials are scored on.
        val_images: Size of the study's validation set; None for all.
        go_on: Called between steps of a second at most; it raises what is to end the computation.

    Returns:
        Block KLT always. Down-and-up sampling where the ratio counts elements and is a square (4x,
        16x, 64x), JPEG2000 where it counts bytes and can be met.
    """
    val = read_images(corpus, "val", crop_px, val_images)
    if model.rate == "elements":
        return list(_linear_lines(corpus, model, val))
    return list(_lines_at_rate(corpus, model.target_bpp, val, val_images, go_on))


def fit_klt(corpus: Corpus, latent_channels: int) -> BlockKlt:
    """Return the block KLT of a corpus: what its linear paths start from."""
    start = linear_start(corpus.path, corpus.info.split_fingerprint)
    return BlockKlt(start.mean, start.basis[:latent_channels], start.variances)


def _linear_lines(corpus: Corpus, model: ModelConfig, val: ImageSet) -> Iterator[Reference]:
    pixels = val.pixels[:, 0]
    klt = fit_klt(corpus, model.latent_channels)
    yield _score("block_klt", klt.reconstruct(pixels), val)
    if supports_down_up(model.ratio):
        yield _score("down_up", down_up_sample(pixels, model.ratio), val)


def _lines_at_rate(
    corpus: Corpus,
    target_bpp: float,
    val: ImageSet,
    val_images: int | None,
    go_on: Callable[[], None],
) -> Iterator[Reference]:
    patch_px = corpus.info.patch_px
    fit = torch.from_numpy(read_images(corpus, "train", patch_px, NUM_TABLE_PATCHES).pixels)
    x_hat, rate_bpp = klt_at_rate(fit_klt(corpus, REDUCTION**2), fit, val, target_bpp, go_on)
    yield _score("block_klt", x_hat, val, rate_bpp)
    whole = read_images(corpus, "val", patch_px, val_images)
    coded = jpeg2000_at_rate(whole, val.pixels.shape[-1], target_bpp, go_on)
    if coded is not None:
        yield _score("jpeg2000", coded[0], val, coded[1])


def klt_at_rate(
    klt: BlockKlt,
    train: Tensor,
    val: ImageSet,
    target_bpp: float,
    go_on: Callable[[], None] = lambda: None,
) -> tuple[NDArray[np.float32], float]:
    """Return validation images as the quantised block KLT tells them, and their mean rate.

    Args:
        klt: With all its coefficients.
        train: Training images (N, 1, P, P), for the tables.
        val: Validation images.
        target_bpp: The rate to meet, in bits per pixel.
        go_on: Called between steps, as by `reference_lines`.
    """
    transform = KltTransform(klt)
    of_train, of_val = transform.encode(train), transform.encode(torch.from_numpy(val.pixels))

    def rate_bpp(coder: LatentCoder) -> float:
        go_on()
        return sum(coder.estimate_bits(latent) for latent in of_val) / val.pixels.size

    # Rounded plainly, as the latents of trials are while they train.
    coder = fit_at_rate(
        of_train, KLT_STEP, rate_bpp, target_bpp, tolerance=KLT_TOLERANCE, rate_weight=0.0
    )
    return transform.decode(coder.quantise(of_val))[:, 0].numpy(), rate_bpp(coder)


def jpeg2000_at_rate(
    whole: ImageSet, crop_px: int, target_bpp: float, go_on: Callable[[], None] = lambda: None
) -> tuple[NDArray[np.float32], float] | None:
    """Return the middles of patches as JPEG2000 decodes them, and the mean rate of the patches.

    None where a patch has no codestream so small.

    Args:
        whole: Whole patches.
        crop_px: Side of the middles.
        target_bpp: The rate not to exceed, in bits per pixel.
        go_on: Called before every patch, as by `reference_lines`.
    """
    corner_px = (whole.pixels.shape[-1] - crop_px) // 2
    middle = np.s_[corner_px : corner_px + crop_px]
    decoded, num_bytes = [], 0
    for pixels in whole.pixels[:, 0]:
        go_on()
        coded = encode_jpeg2000(to_8_bit(pixels), int(target_bpp * pixels.size / 8))
        if coded is None:
            return None
        decoded.append(coded.decoded[middle, middle])
        num_bytes += coded.num_bytes
    return np.stack(decoded), 8 * num_bytes / whole.pixels.size


def _score(
    reference: str, x_hat: NDArray[np.float32], val: ImageSet, rate_bpp: float | None = None
) -> Reference:
    decoded = torch.from_numpy(np.clip(x_hat, 0.0, 1.0)[:, None].astype(np.float32))
    original = torch.from_numpy(val.pixels)
    return Reference(
        reference=reference,
        psnr_db=float(psnr_db(decoded, original).mean()),
        ssim=float(ssim(decoded, original).mean()),
        num_images=len(val),
        rate_bpp=rate_bpp,
    )
