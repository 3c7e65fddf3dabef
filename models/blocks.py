"""Layers and blocks that more than one architecture is built of.

Convolutions before a norm have no bias: the norm's shift takes its place. Every norm is a
BatchNorm2d whose running statistics are scored through an average over steps (models.ema).

Letters: N images, I and O channels in and out, H and W pixels.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn


class PointwiseSkip(nn.Module):
    """A strided 1x1 convolution.

    Takes every stride-th pixel first and convolves with stride 1, which is the same map: the
    strided form of this build segfaults in its channels_last fp32 backward at 8 channels or fewer.
    """

    def __init__(self, num_in: int, num_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(num_in, num_out, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> (N, O, H / stride, W / stride)."""
        x = x[:, :, :: self.stride, :: self.stride]
        out: Tensor = self.conv(x)
        return out


def upsample(x: Tensor) -> Tensor:
    """Bilinear doubling of height and width.

    It mixes pixels, a 1x1 convolution mixes channels, so the two commute (a bias too: the weights
    sum to 1). The architectures therefore convolve before they double: a quarter of the work.
    """
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


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


def initialise(model: nn.Module, *, gain: float = math.sqrt(2)) -> None:
    """He initialisation: every convolution keeps the variance of a rectified input.

    Counts the inputs that reach one output: of a transposed convolution with stride s only every
    s-th per side.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            initialise_convolution(module, gain)


def initialise_convolution(conv: nn.Module, gain: float) -> None:
    """Weights of variance gain² / inputs per output, bias 0."""
    assert isinstance(conv, nn.Conv2d | nn.ConvTranspose2d)
    height, width = conv.kernel_size
    fan_in = conv.in_channels * height * width
    if isinstance(conv, nn.ConvTranspose2d):
        fan_in //= conv.stride[0] * conv.stride[1]
    nn.init.normal_(conv.weight, std=gain / math.sqrt(max(fan_in, 1)))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
