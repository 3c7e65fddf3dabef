"""An image transform at real bytes: steps chosen on validation images, tables fitted on training.

The transform is an autoencoder or one of the linear lines; what follows is the same for both, so
that they compare. Every score is of an image decoded from its bytes.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from models.coding.latent_codec import LatentCoder, rate_bpp
from models.coding.quantiser_steps import Transform, choose_steps
from tune.evaluation.scores import DecodedSet

NUM_FIT_IMAGES = 64
"""Training images that the entropy coder's tables are fitted on."""
NUM_STEP_IMAGES = 16
"""Validation images that steps are chosen on."""


def fit_coders(transform: Transform, train: Tensor, val: Tensor) -> list[LatentCoder]:
    """Return the coders of a transform, finest step first.

    Args:
        transform: In evaluation mode.
        train: Training images, (N, 1, H, W), for the tables.
        val: Validation images, for the steps.
    """
    latents = transform.encode(train)
    return [LatentCoder.fit(latents, step) for step in choose_steps(transform, val)]


def decode_unquantised(transform: Transform, x: Tensor) -> DecodedSet:
    """Return the reconstructions of images without quantiser and coder."""
    return DecodedSet(_clipped(transform.decode(transform.encode(x))))


def decode_from_bytes(
    transform: Transform, coders: Sequence[LatentCoder], x: Tensor
) -> Iterator[DecodedSet]:
    """Yield what each coder's bytes decode to.

    Args:
        transform: In evaluation mode.
        coders: See `fit_coders`.
        x: Images (N, 1, H, W).
    """
    latents = transform.encode(x)
    height_px, width_px = x.shape[-2:]
    for coder in coders:
        codes = [coder.encode(latent) for latent in latents]
        decoded = transform.decode(torch.stack([coder.decode(code) for code in codes]))
        rates = [rate_bpp(code, height_px, width_px) for code in codes]
        num_pixels = height_px * width_px
        estimates = [coder.estimate_bits(latent) / num_pixels for latent in latents]
        yield DecodedSet(_clipped(decoded), coder.step, rates, estimates)


def _clipped(x_hat: Tensor) -> "np.typing.NDArray[np.float32]":
    return x_hat.clamp(0.0, 1.0).numpy().astype(np.float32)
