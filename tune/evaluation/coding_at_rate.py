"""A run at the rate that its study's ratio means: the steps are scaled until real bytes meet it.

The run's own steps come from its rate model; a run without one, such as the hand-set control, has
one step for all channels. Tables are fitted on training images and the scale is solved for on
validation images, so test images decide nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from models.coding.latent_codec import LatentCoder, rate_bpp
from models.coding.rounding import RATE_WEIGHT
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
    met = coder_of_bytes(run.steps, of_train, run.encode(val), val, target_bpp)
    return [
        ScaledCoder(scale, met if scale == 1.0 else LatentCoder.fit(of_train, met.steps * scale))
        for scale in STEP_SCALES
    ]


def psnr_at_rate(
    run: RunModel, train: Tensor, val: Tensor, target_bpp: float
) -> NDArray[np.float64]:
    """Return the PSNR of validation images decoded from bytes at the target rate, in dB."""
    of_val = run.encode(val)
    coder = coder_of_bytes(run.steps, run.encode(train), of_val, val, target_bpp)
    decoded = run.decode(coder.quantise(of_val)).clamp(0.0, 1.0)
    return psnr_db(decoded, val).double().numpy()


def coder_of_bytes(
    steps: ArrayLike, of_train: Tensor, of_val: Tensor, val: Tensor, target_bpp: float
) -> LatentCoder:
    """Return the coder whose real bytes meet a rate on validation images.

    Args:
        steps: One, or of the channels, (C,), to be scaled.
        of_train: Latents of training images, (N, C, h, w).
        of_val: Latents of validation images.
        val: The validation images, (N, 1, H, W).
        target_bpp: Bits per pixel, header included.
    """
    height_px, width_px = val.shape[-2:]

    def mean_rate_bpp(coder: LatentCoder) -> float:
        rates = [rate_bpp(coder.encode(latent), height_px, width_px) for latent in of_val]
        return float(np.mean(rates))

    return fit_at_rate(of_train, steps, mean_rate_bpp, target_bpp, tolerance=TOLERANCE)


def fit_at_rate(
    of_train: Tensor,
    steps: ArrayLike,
    rate_of: Callable[[LatentCoder], float],
    target_bpp: float,
    *,
    tolerance: float,
    rate_weight: float = RATE_WEIGHT,
) -> LatentCoder:
    """Return the coder with scaled steps whose rate meets a target.

    Args:
        of_train: Latents of training images, (N, C, h, w), for contexts and tables.
        steps: One, or of the channels, (C,), to be scaled.
        rate_of: Bits per pixel of a coder.
        target_bpp: What it has to be.
        tolerance: Share of the target that the rate may be off.
        rate_weight: What a bit is worth when rounding, see LatentCoder.fit.
    """

    @lru_cache(maxsize=1)  # the scale that is found is the last one that was tried
    def coder_at(log_scale: float) -> LatentCoder:
        scaled = np.asarray(steps, np.float64) * math.exp(log_scale)
        return LatentCoder.fit(of_train, scaled, rate_weight)

    return coder_at(
        solve_log_scale(
            lambda log_scale: rate_of(coder_at(log_scale)), target_bpp, tolerance=tolerance
        )
    )
