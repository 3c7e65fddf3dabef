"""Scores of reconstructions: one value per image, so that a mean over images means something.

Images are (N, 1, H, W) in [0, 1], so the peak of PSNR and the data range of SSIM are 1.
"""

import torch
from torch import Tensor

from models.metrics.ssim import ssim_per_image

MSE_FLOOR = 1e-10
"""PSNR counts a smaller error as this one: identical images score 100 dB instead of infinity.

An infinite score would turn every mean into infinity and look like divergence; 100 dB lies far
above what the 16-bit codes of a corpus can carry.
"""


def mse(x_hat: Tensor, x: Tensor) -> Tensor:
    """Return mean squared error of each image, (N,), in fp32 or better."""
    dtype = torch.promote_types(x_hat.dtype, torch.float32)
    return (x_hat.to(dtype) - x).square().mean(dim=(1, 2, 3))


def psnr_db(x_hat: Tensor, x: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each image in dB, (N,), at most 100.

    Example:
        >>> psnr_db(torch.full((1, 1, 16, 16), 0.6), torch.full((1, 1, 16, 16), 0.5))
        tensor([20.0000])
    """
    return psnr_db_from_mse(mse(x_hat, x))


def psnr_db_from_mse(errors: Tensor) -> Tensor:
    """Return PSNR in dB of mean squared errors per image; NaN stays NaN."""
    return -10 * errors.clamp(min=MSE_FLOOR).log10()


def ssim(x_hat: Tensor, x: Tensor) -> Tensor:
    """Return structural similarity of each image, (N,): Gaussian 11 x 11 window."""
    return ssim_per_image(x_hat, x)
