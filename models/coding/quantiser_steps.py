"""Which quantiser steps a model is coded at: a small sweep, chosen on validation images.

Each step is one point of the model on the rate-distortion plane. What is asked for is the loss of
PSNR that quantisation may cost; what is found is the step.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from models.errors import ModelError
from models.metrics.reconstruction import psnr_db

LOSSES_DB = (0.04, 0.15, 0.5, 1.2, 2.5)
"""What quantisation costs on validation images at the steps of a sweep: from unseen to coarse."""

COARSEST_STEP = 4.0
NUM_OCTAVES = 16
CHUNK_IMAGES = 8


class Transform(Protocol):
    """An image transform that a latent coder can follow: an autoencoder, or a linear one."""

    def encode(self, x: Tensor) -> Tensor:
        """Latents (N, C, h, w) of images (N, 1, H, W)."""
        ...

    def decode(self, latent: Tensor) -> Tensor:
        """Images (N, 1, H, W) of latents."""
        ...


def choose_steps(
    transform: Transform, images: Tensor, losses_db: Sequence[float] = LOSSES_DB
) -> tuple[float, ...]:
    """A small sweep of steps, each for the loss of PSNR that it costs on validation images.

    The mean loss is measured octave by octave, from a step of four times the root mean square of
    the latents down to where it is below every loss asked for, and interpolated between octaves on
    logarithmic axes: where quantisation is fine, the squared error grows with the squared step.

    Args:
        transform: In evaluation mode; it runs on the device of the images.
        images: Validation images, (N, 1, H, W) in [0, 1]; 8 to 16 of them are enough.
        losses_db: Mean losses to aim at, in dB, ascending and above 0. A loss that even the
            coarsest step does not cause is left out.

    Returns:
        Steps in ascending order. The coarsest step alone where quantisation costs nothing, as with
        a decoder that does not look at its latent.

    Raises:
        ModelError: When a latent is not finite.
    """
    with torch.inference_mode():
        latents = torch.cat(
            [transform.encode(chunk) for chunk in torch.split(images, CHUNK_IMAGES)]
        )
        coarsest = COARSEST_STEP * _root_mean_square(latents) or 1.0
        unquantised_db = _mean_psnr_db(transform, latents, images)
        steps, found_db = [], []
        for octave in range(NUM_OCTAVES):
            steps.append(coarsest / 2**octave)
            quantised = torch.round(latents / steps[-1]) * steps[-1]
            found_db.append(unquantised_db - _mean_psnr_db(transform, quantised, images))
            if found_db[-1] < min(losses_db):
                break
    return _steps_of_losses(steps, found_db, losses_db) or (coarsest,)


def _root_mean_square(latents: Tensor) -> float:
    value = float(latents.double().square().mean().sqrt())
    if not math.isfinite(value):
        raise ModelError(
            "steps are chosen on finite latents, and some of these are not: look at the model's "
            "training"
        )
    return value


def _steps_of_losses(
    steps: Sequence[float], found_db: Sequence[float], losses_db: Sequence[float]
) -> tuple[float, ...]:
    """Return the step at which each loss is first met, going down from the coarsest."""
    chosen = []
    for loss_db in losses_db:
        finer = next((i for i, found in enumerate(found_db) if found <= loss_db), 0)
        if finer == 0:  # above what the coarsest step costs, or not met by the finest
            continue
        above_db, below_db = found_db[finer - 1], max(found_db[finer], loss_db / 100)
        share = math.log(loss_db / below_db) / math.log(above_db / below_db)
        chosen.append(steps[finer] * (steps[finer - 1] / steps[finer]) ** share)
    return tuple(chosen)


def _mean_psnr_db(transform: Transform, latents: Tensor, images: Tensor) -> float:
    pairs = zip(*(torch.split(t, CHUNK_IMAGES) for t in (latents, images)), strict=True)
    scores = [psnr_db(transform.decode(y).clamp(0, 1), x) for y, x in pairs]
    return float(torch.cat(scores).mean())
