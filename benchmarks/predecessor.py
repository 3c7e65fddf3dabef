"""The predecessor's modules and SSIM, as plain as they were: what training is compared with.

Strided 1x1 convolutions, 1x1 convolutions behind the bilinear doubling, gates over whole blocks,
nothing in place, and SSIM by convolution on five maps.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.metrics.ssim import C1, C2, SIGMA_PX, WINDOW_PX


def build_plain_model(arch: str, base_channels: int, latent_channels: int) -> nn.Module:
    """The predecessor's baseline, residual or attention autoencoder."""
    torch.manual_seed(0)
    if arch == "baseline":
        return _baseline(base_channels, latent_channels)
    return _residual(base_channels, latent_channels, has_gates=arch == "attention")


def convolutional_ssim(x_hat: Tensor, x: Tensor) -> Tensor:
    """The mean SSIM by separable convolution, as the usual packages compute it."""
    offsets = torch.arange(WINDOW_PX, device=x.device) - WINDOW_PX // 2
    window = torch.exp(-offsets.square() / (2 * SIGMA_PX**2))
    window = (window / window.sum()).view(1, 1, 1, -1)

    def smooth(image: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(image, window.transpose(2, 3)), window)

    a, b = smooth(x_hat), smooth(x)
    variance_a = smooth(x_hat * x_hat) - a.square()
    variance_b = smooth(x * x) - b.square()
    covariance = smooth(x_hat * x) - a * b
    contrast = (2 * covariance + C2) / (variance_a + variance_b + C2)
    luminance = (2 * a * b + C1) / (a.square() + b.square() + C1)
    return (luminance * contrast).mean()


def _baseline(base: int, latent: int) -> nn.Module:
    down, up = [1, base, 2 * base, 4 * base], [latent, 4 * base, 2 * base, base]
    layers: list[nn.Module] = []
    for i, o in pairwise(down):
        layers += [nn.Conv2d(i, o, 5, 2, 2), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(4 * base, latent, 5, 2, 2))
    for i, o in pairwise(up):
        layers += [nn.ConvTranspose2d(i, o, 5, 2, 2, 1), nn.BatchNorm2d(o), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(base, 1, 5, 2, 2, 1), nn.Sigmoid())


def _residual(base: int, latent: int, *, has_gates: bool) -> nn.Module:
    widths = [base, 2 * base, 4 * base, 8 * base]
    layers: list[nn.Module] = [nn.Conv2d(1, base, 7, 1, 3), nn.BatchNorm2d(base), nn.ReLU()]
    for i, o in zip(widths, [*widths[1:], latent], strict=True):
        layers += [_Block(i, o, 2, has_gates), _Block(o, o, 1, has_gates)]
    widths.reverse()
    for i, o in zip([latent, *widths[:-1]], widths, strict=True):
        layers += [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(i, o, 1)]
        layers += [] if has_gates else [nn.BatchNorm2d(o)]
        layers += [_Block(o, o, 1, has_gates), _Block(o, o, 1, has_gates)]
    return nn.Sequential(*layers, nn.Conv2d(base, 1, 7, 1, 3), nn.Sigmoid())


class _Block(nn.Module):
    def __init__(self, num_in: int, num_out: int, stride: int, has_gates: bool) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(num_in),
            nn.ReLU(),
            nn.Conv2d(num_in, num_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(num_out),
            nn.ReLU(),
            nn.Conv2d(num_out, num_out, 3, 1, 1, bias=False),
        )
        is_identity = stride == 1 and num_in == num_out
        self.skip = nn.Identity() if is_identity else nn.Conv2d(num_in, num_out, 1, stride)
        self.gate = _Gate(num_out) if has_gates else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.gate(self.branch(x) + self.skip(x))
        return out


class _Gate(nn.Module):
    def __init__(self, num_channels: int) -> None:
        super().__init__()
        hidden = max(1, num_channels // 16)
        self.excite = nn.Sequential(
            nn.Conv2d(num_channels, hidden, 1, bias=False),
            nn.ReLU(),
            nn.Conv2d(hidden, num_channels, 1, bias=False),
        )
        self.locate = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mean, peak = F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)
        x = x * torch.sigmoid(self.excite(mean) + self.excite(peak))
        summary = torch.cat([x.max(1, keepdim=True)[0], x.mean(1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.locate(summary))
