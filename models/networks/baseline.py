"""The baseline: four strided 5x5 convolutions down, four transposed ones up."""

from itertools import pairwise

from torch import nn

from models.networks.autoencoder import Autoencoder
from models.networks.blocks import initialise, initialise_convolution


class Baseline(Autoencoder):
    """Plain convolutional autoencoder.

        x ─ down(B) ─ down(2B) ─ down(4B) ─ conv(C) ─ y ─ up(4B) ─ up(2B) ─ up(B) ─ convT(1) ─ σ ─ x̂
        H     H/2       H/4        H/8       H/16          H/8      H/4      H/2      H           H

    down: 5x5 convolution of stride 2, norm, LeakyReLU(0.2). up: its transpose, norm, ReLU.
    The widths double where the resolution halves. Shape after Ballé, Laparra, Simoncelli,
    "End-to-end optimized image compression", ICLR 2017, with norms instead of GDN.
    """

    def __init__(self, base_channels: int, latent_channels: int, dropout: float = 0.0) -> None:
        widths = [base_channels, 2 * base_channels, 4 * base_channels]
        encoder = nn.Sequential(
            *(_down(i, o) for i, o in pairwise([1, *widths])),
            nn.Conv2d(widths[-1], latent_channels, 5, stride=2, padding=2),
        )
        widths.reverse()
        decoder = [_up(i, o) for i, o in pairwise([latent_channels, *widths])]
        head = _transposed(widths[-1], 1, bias=True)
        super().__init__(encoder, decoder, head, dropout)
        initialise(self)
        initialise_convolution(head, gain=0.1)


def _down(num_in: int, num_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(num_in, num_out, 5, stride=2, padding=2, bias=False),
        nn.BatchNorm2d(num_out),
        nn.LeakyReLU(0.2, inplace=True),
    )


def _up(num_in: int, num_out: int) -> nn.Sequential:
    return nn.Sequential(
        _transposed(num_in, num_out, bias=False),
        nn.BatchNorm2d(num_out),
        nn.ReLU(inplace=True),
    )


def _transposed(num_in: int, num_out: int, *, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(num_in, num_out, 5, stride=2, padding=2, output_padding=1, bias=bias)
