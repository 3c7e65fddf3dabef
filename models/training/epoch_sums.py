"""Running sums of an epoch on the device that computes it, read once at the end.

Reading a value from a GPU waits for all work that was queued: here it happens once per epoch.
"""

import time
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from models.errors import ModelError
from models.metrics.ms_ssim import MIN_SIDE_PX, ms_ssim
from models.metrics.reconstruction import psnr_db_from_mse
from models.training.losses import LossParts


class EpochMeans(NamedTuple):
    """Means over the images of an epoch, and over its steps for the gradient norm."""

    loss: float
    mse: float
    ssim: float
    psnr_db: float
    rate_bpp: float
    gradient_norm: float
    num_images: int
    seconds: float
    ms_ssim: float | None  # where it was asked for


@dataclass
class EpochSums:
    """Running sums on the device; read_means is the epoch's one synchronisation."""

    device: torch.device
    started_s: float = field(default_factory=time.perf_counter)
    num_images: int = 0
    num_steps: int = 0
    scores: Tensor = field(init=False)  # sums over images of loss, mse, ssim, psnr_db, rate_bpp
    gradient_norm: Tensor = field(init=False)  # sum over steps
    ms_ssim: float | None = None  # sum over images

    def __post_init__(self) -> None:
        self.scores = torch.zeros(5, dtype=torch.float64, device=self.device)
        self.gradient_norm = torch.zeros((), dtype=torch.float64, device=self.device)

    def add(self, parts: LossParts) -> None:
        """Adds a batch or micro-batch."""
        num_images = len(parts.mse)
        sums = (
            parts.loss.detach() * num_images,
            parts.mse.sum(),
            parts.ssim.sum(),
            psnr_db_from_mse(parts.mse).sum(),
            parts.rate_bpp.sum(),
        )
        self.scores += torch.stack(sums)
        self.num_images += num_images

    def add_ms_ssim(self, x_hat: Tensor, x: Tensor) -> None:
        """Adds the MS-SSIM of the images of a batch that was added; waits for the device.

        Raises:
            ModelError: Where images are too small to have one.
        """
        for one_hat, one in zip(x_hat[:, 0].float(), x[:, 0], strict=True):
            score = ms_ssim(one_hat, one)
            if score is None:
                raise ModelError(
                    f"MS-SSIM needs images of {MIN_SIDE_PX} px or more, found "
                    f"{min(one.shape)} px: take larger crops, or another objective"
                )
            self.ms_ssim = (self.ms_ssim or 0.0) + score

    def read_means(self) -> EpochMeans:
        """Waits for the device."""
        loss, mse, ssim, psnr_db, rate_bpp = (self.scores / self.num_images).tolist()
        norm = float(self.gradient_norm) / max(1, self.num_steps)
        seconds = time.perf_counter() - self.started_s
        of_scales = None if self.ms_ssim is None else self.ms_ssim / self.num_images
        return EpochMeans(
            loss, mse, ssim, psnr_db, rate_bpp, norm, self.num_images, seconds, of_scales
        )
