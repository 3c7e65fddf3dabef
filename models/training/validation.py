"""Scores a model on validation batches; one that is trained for bytes, at its target rate.

In micro-batches where training needs them, so that the peak of an epoch is that of its training.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.networks.autoencoder import Autoencoder
from models.networks.rate_model import RateModel
from models.shapes import REDUCTION
from models.training.config import TrainConfig
from models.training.epoch_sums import EpochMeans, EpochSums
from models.training.feeding import micro_batches, to_device
from models.training.losses import (
    LossParts,
    LossWeights,
    coded_loss,
    decode,
    encode,
    reconstruction_loss,
)
from models.training.rate_control import SLOPE_REACH, RateControl, solve_log_scale
from models.training.sources import BatchSource

PIXELS_PER_PLACE = REDUCTION**2
"""Pixels of the image for each position of its latent."""

SLOPE_IMAGES = 64
"""Validation images that the slope of the rate-distortion curve is taken on."""


class Validation:
    """The validation images of one training, and how they are scored.

    Args:
        config: How the model is trained.
        source: The batches, the same on every call.
        device: Where the model is.
    """

    def __init__(self, config: TrainConfig, source: BatchSource, device: torch.device) -> None:
        self._config = config
        self._source = source
        self._device = device
        self._is_bf16 = config.precision == "bf16"

    @torch.inference_mode()
    def score(self, model: Autoencoder) -> EpochMeans:
        """Return the scores of a model without a rate model."""
        sums = EpochSums(self._device)
        weights = self._weights(0.0)
        for x in self._images():
            x_hat = decode(model, encode(model, x, is_bf16=self._is_bf16), is_bf16=self._is_bf16)
            self._add(sums, reconstruction_loss(x_hat, x, weights), x_hat, x)
        return sums.read_means()

    @torch.inference_mode()
    def start_rate(self, model: Autoencoder, rate_model: RateModel, control: RateControl) -> None:
        """Fit a fresh rate model to the latents that there are, and take the first multiplier."""
        latents = self._latents(model)
        of_channels = torch.cat([y.movedim(1, 0).flatten(1) for y in latents], dim=1)
        deviations = of_channels.std(1, correction=0)
        rate_model.start(of_channels.mean(1), deviations)
        rate_model.log_scale.copy_(deviations.max().clamp(min=1e-6).log())
        self._aim(rate_model, latents, control)
        distortion, _ = self._point(model, rate_model, latents)
        self._follow(model, rate_model, latents, control, distortion)

    @torch.inference_mode()
    def score_at_rate(
        self, model: Autoencoder, rate_model: RateModel, control: RateControl
    ) -> EpochMeans:
        """Set the model's steps for the target rate, return its scores there, and learn the slope.

        The loss is that with the multiplier of the epoch that has ended.
        """
        sums = EpochSums(self._device)
        latents = self._latents(model)
        self._aim(rate_model, latents, control)
        weights = self._weights(control.multiplier)
        for x, latent in zip(self._images(), latents, strict=True):
            parts, x_hat = coded_loss(model, rate_model, latent, x, weights, is_bf16=self._is_bf16)
            self._add(sums, parts, x_hat, x)
        means = sums.read_means()
        distortion = weights.mse * means.mse + weights.ssim * (1 - means.ssim)
        self._follow(model, rate_model, latents, control, distortion)
        return sums.read_means()  # again: its seconds are those of the slope too

    def _add(self, sums: EpochSums, parts: LossParts, x_hat: Tensor, x: Tensor) -> None:
        sums.add(parts)
        if self._config.objective == "ms_ssim":
            sums.add_ms_ssim(x_hat, x)

    def _aim(self, rate_model: RateModel, latents: Sequence[Tensor], control: RateControl) -> None:
        def rate_bpp(log_scale: float) -> float:
            rate_model.log_scale.fill_(log_scale)
            bits = sum(rate_model.bits(rate_model.quantise(y)).sum() for y in latents)
            return float(bits) / num_pixels

        num_pixels = sum(y.shape[0] * y.shape[2] * y.shape[3] for y in latents) * PIXELS_PER_PLACE
        start = float(rate_model.log_scale)
        rate_model.log_scale.fill_(solve_log_scale(rate_bpp, control.target_bpp, start))

    def _follow(
        self,
        model: Autoencoder,
        rate_model: RateModel,
        latents: Sequence[Tensor],
        control: RateControl,
        distortion: float,
    ) -> None:
        log_scale = float(rate_model.log_scale)
        points = []
        for offset in (SLOPE_REACH, -SLOPE_REACH):
            rate_model.log_scale.fill_(log_scale + offset)
            points.append(self._point(model, rate_model, latents))
        rate_model.log_scale.fill_(log_scale)
        (coarse, low_bpp), (fine, high_bpp) = points
        rise_bpp = high_bpp - low_bpp
        control.follow((coarse - fine) / rise_bpp if rise_bpp > 0 else 0.0, distortion)

    def _point(
        self, model: Autoencoder, rate_model: RateModel, latents: Sequence[Tensor]
    ) -> tuple[float, float]:
        """Return distortion and rate at the present steps, on the first images."""
        sums = EpochSums(self._device)
        for x, latent in zip(self._images(), latents, strict=True):
            parts, _ = coded_loss(
                model, rate_model, latent, x, self._weights(0.0), is_bf16=self._is_bf16
            )
            sums.add(parts)
            if sums.num_images >= SLOPE_IMAGES:
                break
        means = sums.read_means()
        return means.loss, means.rate_bpp

    def _latents(self, model: Autoencoder) -> list[Tensor]:
        return [encode(model, x, is_bf16=self._is_bf16) for x in self._images()]

    def _images(self) -> Iterator[Tensor]:
        for batch in self._source.epoch(1):
            for images in micro_batches(self._config, batch):
                yield to_device(self._config, images, self._device)

    def _weights(self, multiplier: float) -> LossWeights:
        return LossWeights(self._config.mse_weight, self._config.ssim_weight, multiplier)
