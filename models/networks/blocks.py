"""Layers and blocks that more than one architecture is built of.

Convolutions before a norm have no bias: the norm's shift takes its place. Every norm is a
BatchNorm2d; its running statistics are floating-point buffers, which models.training.ema averages
like weights. ReLUs work in place: neither a norm nor a convolution needs its output to go backward.

The 1x1 convolutions of stride 2 are written as a change of resolution and a convolution of stride
1, the same map: the strided forms corrupt memory on CPU (torch 2.13, fp32 channels_last, 8
channels or fewer). docs/DECISIONS.md has the times.

Letters: N images, C, I and O channels (in and out), H and W pixels.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PointwiseDown(nn.Module):
    """A strided 1x1 convolution: takes every stride-th pixel, then mixes channels."""

    def __init__(self, num_in: int, num_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(num_in, num_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> (N, O, H / stride, W / stride)."""
        if self.stride > 1:
            # Takes every stride-th pixel, as a slice does, whose gradient loses the memory layout.
            x = F.interpolate(x, scale_factor=1 / self.stride, mode="nearest")
        out: Tensor = self.conv(x)
        return out


class PointwiseUp(nn.Module):
    """A transposed 1x1 convolution of stride 2: mixes channels, then puts zeros between pixels."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(num_in, num_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> (N, O, 2 H, 2 W)."""
        return insert_zeros(self.conv(x))


def insert_zeros(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 2 H, 2 W): x on even rows and columns, its memory layout kept."""
    if x.is_contiguous():
        spaced = F.pad(x[:, :, :, None, :, None], (0, 1, 0, 0, 0, 1))
        return spaced.flatten(4, 5).flatten(2, 3)
    last = x.movedim(1, -1)[:, :, None, :, None, :]
    spaced = F.pad(last, (0, 0, 0, 1, 0, 0, 0, 1))
    return spaced.flatten(3, 4).flatten(1, 2).movedim(-1, 1)


def upsample(x: Tensor) -> Tensor:
    """Bilinear doubling of height and width.

    It mixes pixels and a 1x1 convolution mixes channels, so the two commute (a bias too: the
    weights sum to 1). The architectures therefore convolve before they double: a quarter of the
    work for the same result.
    """
    if x.is_cuda and torch.are_deterministic_algorithms_enabled():
        return double_side(double_side(x, 2), 3)
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def double_side(x: Tensor, dim: int) -> Tensor:
    """Bilinear doubling of one side, of operations whose gradients add up in a fixed order.

    New pixels lie a quarter of a pixel beside the old ones; beyond the border is its last pixel.
    The gradient of torch's own doubling adds in any order on a card.
    """
    length = x.shape[dim]
    before = torch.cat([x.narrow(dim, 0, 1), x.narrow(dim, 0, length - 1)], dim)
    behind = torch.cat([x.narrow(dim, 1, length - 1), x.narrow(dim, length - 1, 1)], dim)
    pairs = torch.stack([before.lerp(x, 0.75), behind.lerp(x, 0.75)], dim + 1)
    return pairs.flatten(dim, dim + 1)


def stem(num_out: int) -> nn.Sequential:
    """7x7 convolution, norm, ReLU at full resolution: (N, 1, H, W) -> (N, O, H, W)."""
    return nn.Sequential(
        nn.Conv2d(1, num_out, 7, padding=3, bias=False),
        nn.BatchNorm2d(num_out),
        nn.ReLU(inplace=True),
    )


def head(num_in: int) -> nn.Conv2d:
    """7x7 convolution to logits: (N, I, H, W) -> (N, 1, H, W)."""
    return nn.Conv2d(num_in, 1, 7, padding=3)


def initialise(model: nn.Module) -> None:
    """He initialisation: every convolution keeps the power of a rectified input."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            initialise_convolution(module, gain=math.sqrt(2))


def initialise_convolution(conv: nn.Module, gain: float) -> None:
    """Weights of variance gain² / inputs per output, bias 0.

    Only every s-th pixel per side reaches an output of a transposed convolution of stride s.
    """
    assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
    height, width = conv.kernel_size
    fan_in = conv.in_channels * height * width
    if isinstance(conv, nn.ConvTranspose2d):
        fan_in //= conv.stride[0] * conv.stride[1]
    nn.init.normal_(conv.weight, std=gain / math.sqrt(fan_in))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
