"""The two linear reference lines as transforms that a latent coder can follow, as a network can.

    x ─ encode ─ y (N, C, h, w) ─ quantise, code ─ bytes ─ ŷ ─ decode ─ x̂

At a nominal ratio the lines of models.coding.linear keep real numbers; here their numbers are
quantised and coded like the latents of an autoencoder, so that both stand at real bytes. As there,
x̂ is not clipped to [0, 1].

Letters: N images, C channels, h and w positions of a latent, H and W pixels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.coding.linear import BlockKlt, area_means, interpolate_means


@dataclass(frozen=True)
class KltTransform:
    """Block KLT: C coefficients for each block of 16 x 16 pixels, h = H / 16.

    The basis is orthonormal, so that one step for all coefficients is the best for the mean
    squared error.

    Attributes:
        klt: Fitted on training patches, cut to the C = 256 / ratio strongest coefficients.
    """

    klt: BlockKlt

    def encode(self, x: Tensor) -> Tensor:
        """Coefficients (N, C, H / 16, W / 16) of images (N, 1, H, W)."""
        return torch.from_numpy(self.klt.analyse(_patches(x)))

    def decode(self, latent: Tensor) -> Tensor:
        """Images (N, 1, H, W) of coefficients."""
        return torch.from_numpy(self.klt.synthesise(latent.cpu().numpy()))[:, None]


@dataclass(frozen=True)
class DownUpTransform:
    """Down-and-up sampling: one channel, the means of squares of ratio pixels.

    Attributes:
        ratio: Pixels per mean, a square number: 4, 16 or 64.
    """

    ratio: int

    def encode(self, x: Tensor) -> Tensor:
        """Means (N, 1, h, w) of images (N, 1, H, W), h² = H² / ratio."""
        return torch.from_numpy(area_means(_patches(x), self.ratio))[:, None]

    def decode(self, latent: Tensor) -> Tensor:
        """Images (N, 1, H, W) of means."""
        return torch.from_numpy(interpolate_means(latent[:, 0].cpu().numpy(), self.ratio))[:, None]


def _patches(x: Tensor) -> NDArray[np.float32]:
    return np.asarray(x[:, 0].cpu().numpy(), np.float32)
