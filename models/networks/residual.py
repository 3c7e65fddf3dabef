"""Residual: pre-activation residual blocks, bilinear upsampling."""

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

from models.networks import blocks
from models.networks.autoencoder import Autoencoder


class Residual(Autoencoder):
    """Residual autoencoder whose identity path meets no activation.

        x ─ stem(B) ─ stage(2B) ─ stage(4B) ─ stage(8B) ─ stage(C) ─ y
        H      H         H/2         H/4         H/8        H/16

        y ─ stage(8B) ─ stage(4B) ─ stage(2B) ─ stage(B) ─ 7x7 ─ σ ─ x̂
               H/8         H/4         H/2         H        H       H

    An encoder stage is two blocks, the first of stride 2; a decoder stage is a 1x1 convolution,
    norm, bilinear doubling, two blocks. He, Zhang, Ren, Sun, "Identity mappings in deep residual
    networks", ECCV 2016.
    """

    def __init__(self, base_channels: int, latent_channels: int, dropout: float = 0.0) -> None:
        encoder, decoder = stages(base_channels, latent_channels, nn.Identity, has_up_norm=True)
        head = blocks.head(base_channels)
        super().__init__(encoder, decoder, head, dropout)
        initialise(self)


class PreActivationBlock(nn.Module):
    """x -> skip(x) + gate(branch(x)).

    branch = norm, ReLU, 3x3, norm, ReLU, 3x3. The skip is the identity, or a linear 1x1
    convolution where the shape changes.
    """

    def __init__(self, num_in: int, num_out: int, stride: int, gate: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(num_in),
            nn.ReLU(inplace=True),
            nn.Conv2d(num_in, num_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(num_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(num_out, num_out, 3, padding=1, bias=False),
        )
        self.gate = gate
        is_identity = stride == 1 and num_in == num_out
        self.skip = nn.Identity() if is_identity else blocks.PointwiseDown(num_in, num_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> (N, O, H / stride, W / stride)."""
        out: Tensor = self.gate(self.branch(x)) + self.skip(x)
        return out


class UpStage(nn.Module):
    """1x1 convolution, optional norm, doubling, two blocks."""

    def __init__(
        self, num_in: int, num_out: int, gate: Callable[[int], nn.Module], *, has_norm: bool
    ) -> None:
        super().__init__()
        self.mix = nn.Conv2d(num_in, num_out, 1, bias=False)
        self.norm = nn.BatchNorm2d(num_out) if has_norm else nn.Identity()
        self.blocks = nn.Sequential(
            *(PreActivationBlock(num_out, num_out, 1, gate(num_out)) for _ in range(2))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> (N, O, 2 H, 2 W)."""
        out: Tensor = self.blocks(blocks.upsample(self.norm(self.mix(x))))
        return out


def stages(
    base_channels: int,
    latent_channels: int,
    gate: Callable[[int], nn.Module],
    *,
    has_up_norm: bool,
) -> tuple[nn.Sequential, list[nn.Module]]:
    """Encoder and decoder stages; gate makes the module behind a branch of so many channels."""
    widths = [base_channels * k for k in (1, 2, 4, 8)]
    encoder = nn.Sequential(blocks.stem(base_channels))
    for i, o in pairwise([*widths, latent_channels]):
        encoder.append(PreActivationBlock(i, o, 2, gate(o)))
        encoder.append(PreActivationBlock(o, o, 1, gate(o)))
    widths.reverse()
    decoder: list[nn.Module] = [
        UpStage(i, o, gate, has_norm=has_up_norm) for i, o in pairwise([latent_channels, *widths])
    ]
    return encoder, decoder


def initialise(model: Autoencoder) -> None:
    """Variances that depth neither grows nor shrinks.

    Hardly a norm stands on the way from stem to head (none in attention), and every block adds its
    branch's variance to it: branches start small. The 1x1 convolutions there follow no ReLU:
    gain 1.
    """
    blocks.initialise(model)
    for module in model.modules():
        if isinstance(module, PreActivationBlock):
            blocks.initialise_convolution(module.branch[-1], gain=0.1)
        elif isinstance(module, blocks.PointwiseDown):
            blocks.initialise_convolution(module.conv, gain=1.0)
        elif isinstance(module, UpStage):
            blocks.initialise_convolution(module.mix, gain=1.0)
    blocks.initialise_convolution(model.head, gain=0.1)
