"""The training loss: squared error, structural dissimilarity and, for bytes, the rate.

    loss = mse_weight · MSE + ssim_weight · (1 - SSIM) + multiplier · rate

Losses with different weights mean different things and are never compared; the parts are.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from models.autocast import bf16_autocast
from models.metrics.reconstruction import mse
from models.metrics.ssim import ssim_per_image
from models.networks.autoencoder import Autoencoder
from models.networks.rate_model import RateModel


class LossParts(NamedTuple):
    """The loss of a batch, and what it consists of per image."""

    loss: Tensor  # 0-d, carries the gradient
    mse: Tensor  # (N,), detached
    ssim: Tensor  # (N,), detached
    rate_bpp: Tensor  # (N,), detached; 0 where latents are not quantised


class LossWeights(NamedTuple):
    """What the parts of the loss count."""

    mse: float
    ssim: float
    multiplier: float = 0.0


def training_loss(
    model: Autoencoder, x: Tensor, weights: LossWeights, *, is_bf16: bool
) -> LossParts:
    """Return the loss of a batch as training sees it.

    With a rate model, the image is that of the rounded latent and the rate that of the latent with
    noise, which has a gradient (see models.networks.rate_model).

    Args:
        model: What is trained.
        x: Images (N, 1, H, W) in [0, 1].
        weights: Of the parts.
        is_bf16: Whether networks compute in bf16.
    """
    latent = encode(model, x, is_bf16=is_bf16)
    rate_model = model.rate_model
    if rate_model is None:
        return reconstruction_loss(decode(model, latent, is_bf16=is_bf16), x, weights)
    x_hat = decode(model, rate_model.quantise(latent), is_bf16=is_bf16)
    rate_bpp = rate_model.bits(rate_model.add_noise(latent)) / x[0].numel()
    return reconstruction_loss(x_hat, x, weights, rate_bpp)


def coded_loss(
    model: Autoencoder,
    rate_model: RateModel,
    latent: Tensor,
    x: Tensor,
    weights: LossWeights,
    *,
    is_bf16: bool,
) -> tuple[LossParts, Tensor]:
    """Return the loss of images as they are coded, and the decoded images.

    The latent is rounded for the image and for the rate.
    """
    quantised = rate_model.quantise(latent)
    x_hat = decode(model, quantised, is_bf16=is_bf16)
    rate_bpp = rate_model.bits(quantised) / x[0].numel()
    return reconstruction_loss(x_hat, x, weights, rate_bpp), x_hat


def encode(model: Autoencoder, x: Tensor, *, is_bf16: bool) -> Tensor:
    """Return the latent of images; in fp32 where it is going to be quantised."""
    with bf16_autocast(x, is_bf16=is_bf16):
        latent = model.encode(x)
    return latent if model.rate_model is None else latent.float()


def decode(model: Autoencoder, latent: Tensor, *, is_bf16: bool) -> Tensor:
    """Return the reconstruction of a latent."""
    with bf16_autocast(latent, is_bf16=is_bf16):
        return model.decode(latent)


def reconstruction_loss(
    x_hat: Tensor, x: Tensor, weights: LossWeights, rate_bpp: Tensor | None = None
) -> LossParts:
    """Return the loss of reconstructions and their rates, each part the mean over images.

    Computed in fp32 also under autocast. x is a constant: it receives no gradient.

    Args:
        x_hat: Reconstructions, (N, 1, H, W).
        x: Originals in [0, 1], the same shape.
        weights: Of the parts; the similarity is computed even at 0, as a score.
        rate_bpp: Bits per pixel, (N,); None where latents are not quantised.
    """
    errors = mse(x_hat, x)
    similarity = ssim_per_image(x_hat, x)
    loss = weights.mse * errors.mean() + weights.ssim * (1 - similarity.mean())
    if rate_bpp is None:
        rate_bpp = torch.zeros_like(errors)
    else:
        loss = loss + weights.multiplier * rate_bpp.mean()
    return LossParts(loss, errors.detach(), similarity.detach(), rate_bpp.detach())
