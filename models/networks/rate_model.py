"""What a latent costs in bits: a step and a distribution per channel, learnt with the network.

    y ─ quantise ─ ŷ (multiples of the channel's step) ─ bits: -log2 of the mass of its cell

The distribution is a mixture of three logistics per channel. Its mass in a cell of one step,

    p(ŷ) = sum over j of w_j [σ((ŷ + Δ/2 - m_j) / s_j) - σ((ŷ - Δ/2 - m_j) / s_j)],

is a function of the step Δ too, so the rate is differentiable in everything. Training sees the rate
of a latent with uniform noise in the place of rounding (Ballé, Laparra, Simoncelli, ICLR 2017) and
the image of the rounded one, with the gradient of the identity (Minnen, Singh, ICIP 2020) and for
the step that of the rounding error (Esser et al., "Learned step size quantization", ICLR 2020).
Bytes are made by models.coding, with tables.

Letters: N images, C latent channels, h and w positions of a latent.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_LOGISTICS = 3
SPREADS = (0.5, 1.0, 2.0)
"""Scales of the three logistics at the start, over that of the channel's deviation."""

MIN_DEVIATION = 1e-3
MIN_MASS = 2.0**-24
"""Mass below which a cell costs no more bits: what the coder escapes from costs about so much."""


class RateModel(nn.Module):
    """Steps and distributions of the channels of a latent.

    Attributes:
        log_scale: Natural logarithm of the geometric mean of the steps, (); set from outside, by
            the rate that is aimed at (models.training.rate_control).
        log_steps: Of each channel's step over that mean, up to a constant, (C,); learnt.
        weights: Logits of the mixture, (C, 3).
        means: Of the logistics, in units of the latent, (C, 3).
        log_widths: Of the logistics, (C, 3).
    """

    log_scale: Tensor

    def __init__(self, latent_channels: int) -> None:
        super().__init__()
        shape = (latent_channels, NUM_LOGISTICS)
        self.register_buffer("log_scale", torch.zeros(()))
        self.log_steps = nn.Parameter(torch.zeros(latent_channels))
        self.weights = nn.Parameter(torch.zeros(shape))
        self.means = nn.Parameter(torch.zeros(shape))
        self.log_widths = nn.Parameter(torch.zeros(shape))

    @torch.no_grad()
    def start(self, means: Tensor, deviations: Tensor) -> None:
        """Fit the distributions to channels of known mean and standard deviation, (C,) each."""
        # A logistic of scale s has the standard deviation π s / sqrt(3).
        widths = deviations.clamp(min=MIN_DEVIATION) * math.sqrt(3) / math.pi
        self.means.copy_(means[:, None].expand_as(self.means))
        self.log_widths.copy_((widths[:, None] * torch.tensor(SPREADS, device=widths.device)).log())

    def steps(self) -> Tensor:
        """Return the step of each channel, (C,), in units of the latent."""
        return (self.log_scale + self.log_steps - self.log_steps.mean()).exp()

    def add_noise(self, latent: Tensor) -> Tensor:
        """Return the latent (N, C, h, w) with uniform noise of one step, which acts as rounding."""
        return latent + (torch.rand_like(latent) - 0.5) * self.steps()[:, None, None]

    def quantise(self, latent: Tensor) -> Tensor:
        """Return the nearest multiples of the steps, (N, C, h, w), differentiable as above."""
        steps = self.steps()[:, None, None]
        scaled = latent.detach() / steps.detach()
        return latent + steps * (scaled.round() - scaled)

    def bits(self, quantised: Tensor) -> Tensor:
        """Return the bits that each image of a latent (N, C, h, w) costs, (N,)."""
        y = quantised.movedim(1, -1)[..., None]  # (N, h, w, C, 1), beside (C, 3)
        half = self.steps()[:, None] / 2
        widths = self.log_widths.exp()
        # On the side of the mean where σ is small, differences keep their digits.
        distance = (y - self.means).abs()
        mass = torch.sigmoid((half - distance) / widths) - torch.sigmoid(
            (-half - distance) / widths
        )
        mass = (mass * F.softmax(self.weights, dim=1)).sum(-1)
        return -mass.clamp(min=MIN_MASS).log2().flatten(1).sum(1)
