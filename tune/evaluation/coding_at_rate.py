"""A run at the rate that its study's ratio means: the steps are scaled until real bytes meet it.

The run's own steps come from its rate model; a run without one, such as the hand-set control, has
one step for all channels. Tables are fitted on training images and the scale is solved for on
validation images, so test images decide nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from models.coding.latent_codec import LatentCoder, rate_bpp
from models.metrics.reconstruction import psnr_db
from models.training.rate_control import solve_log_scale
from tune.evaluation.run_model import RunModel

STEP_SCALES = (0.7, 1.0, 1.4)
"""Steps that a run is scored at, over those that meet its target rate."""

TOLERANCE = 2e-3
"""Share of the target that the mean rate of the validation images may be off."""


@dataclass(frozen=True)
class ScaledCoder:
    """A coder of a run.

    Attributes:
        step_scale: Its steps over those that meet the target rate; None where there is none.
        coder: The coder.
    """

    step_scale: float | None
    coder: LatentCoder


def fit_coders_around_rate(
    run: RunModel, train: Tensor, val: Tensor, target_bpp: float
) -> list[ScaledCoder]:
    """Return the coders of a run at and beside its target rate, finest steps first.

    Args:
        run: The run's model.
        train: Training images (N, 1, H, W), for the tables.
        val: Validation images, whose mean rate meets the target.
        target_bpp: Bits per pixel, header included.
    """
    of_train = run.encode(train)
    log_scale = solve_scale(run.steps, of_train, run.encode(val), val.shape, target_bpp)
    return [
        ScaledCoder(scale, LatentCoder.fit(of_train, run.steps * math.exp(log_scale) * scale))
        for scale in STEP_SCALES
    ]


def solve_scale(
    steps: NDArray[np.float64],
    of_train: Tensor,
    of_val: Tensor,
    val_shape: Sequence[int],
    target_bpp: float,
) -> float:
    """Return the logarithm of the factor on steps with which real bytes meet the target rate.

    Args:
        steps: Of the channels, (C,).
        of_train: Latents of training images, (N, C, h, w).
        of_val: Latents of validation images.
        val_shape: Shape of the validation images, (N, 1, H, W).
        target_bpp: Bits per pixel, header included.
    """
    height_px, width_px = val_shape[-2:]

    def mean_rate_bpp(log_scale: float) -> float:
        coder = LatentCoder.fit(of_train, steps * math.exp(log_scale))
        rates = [rate_bpp(coder.encode(latent), height_px, width_px) for latent in of_val]
        return float(np.mean(rates))

    return solve_log_scale(mean_rate_bpp, target_bpp, tolerance=TOLERANCE)


def psnr_at_rate(
    run: RunModel, train: Tensor, val: Tensor, target_bpp: float
) -> NDArray[np.float64]:
    """Return the PSNR of validation images decoded from bytes at the target rate, in dB."""
    of_train, of_val = run.encode(train), run.encode(val)
    log_scale = solve_scale(run.steps, of_train, of_val, val.shape, target_bpp)
    coder = LatentCoder.fit(of_train, run.steps * math.exp(log_scale))
    decoded = run.decode(coder.quantise(of_val)).clamp(0.0, 1.0)
    return psnr_db(decoded, val).double().numpy()
