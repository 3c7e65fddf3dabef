"""The training loss: a weighted sum of mean squared error and structural dissimilarity."""

from typing import NamedTuple

from torch import Tensor

from models.metrics.reconstruction import mse
from models.metrics.ssim import ssim_per_image


class LossParts(NamedTuple):
    """The loss of a batch, and what it consists of per image.

    Losses with different weights mean different things and are never compared; the parts are.
    """

    loss: Tensor  # 0-d, carries the gradient
    mse: Tensor  # (N,), detached
    ssim: Tensor  # (N,), detached


def reconstruction_loss(
    x_hat: Tensor, x: Tensor, mse_weight: float, ssim_weight: float
) -> LossParts:
    """mse_weight · MSE + ssim_weight · (1 - SSIM), each the mean over images.

    Computed in fp32 also under autocast. x is a constant: it receives no gradient.

    Args:
        x_hat: Reconstructions, (N, 1, H, W) in [0, 1].
        x: Originals, the same shape.
        mse_weight: Weight of the squared error.
        ssim_weight: Weight of 1 - SSIM; the similarity is computed even at 0, as a score.
    """
    errors = mse(x_hat, x)
    similarity = ssim_per_image(x_hat, x)
    loss = mse_weight * errors.mean() + ssim_weight * (1 - similarity.mean())
    return LossParts(loss, errors.detach(), similarity.detach())
