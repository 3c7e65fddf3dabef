"""Attention: the residual architecture with CBAM gates on its branches."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import blocks, residual
from models.autoencoder import Autoencoder


class Attention(Autoencoder):
    """Residual autoencoder whose branches are weighted by channel and by place.

        x ─ stem(B) ─ stage(2B) ─ stage(4B) ─ stage(8B) ─ stage(C) ─ y
        H      H         H/2         H/4         H/8        H/16

        y ─ stage(8B) ─ stage(4B) ─ stage(2B) ─ stage(B) ─ 7x7 ─ σ ─ x̂
               H/8         H/4         H/2         H        H       H

        block:  x ─┬─ norm, ReLU, 3x3, norm, ReLU, 3x3 ─ gate ─ + ─
                   └────────────── identity ────────────────────┘

    No gate lies on the identity path: sixteen in series would multiply it by 0.5 and less each.
    Woo, Park, Lee, Kweon, "CBAM: convolutional block attention module", ECCV 2018.
    """

    def __init__(self, base_channels: int, latent_channels: int, dropout: float = 0.0) -> None:
        encoder, decoder = residual.stages(base_channels, latent_channels, Gate, has_up_norm=False)
        head = blocks.head(base_channels)
        super().__init__(encoder, decoder, head, dropout)
        residual.initialise(self)
        for module in self.modules():
            if isinstance(module, Gate):
                blocks.initialise_convolution(module.excite[-1], gain=0.1)
                blocks.initialise_convolution(module.locate, gain=0.1)


class Gate(nn.Module):
    """CBAM: x · σ(MLP(mean) + MLP(max)) by channel, then · σ(7x7 convolution of [max, mean]).

    Both gates start near 1/2, so a branch starts at a quarter of its strength. The hidden units
    leak where CBAM has ReLU: with one or two of them, a ReLU was off for a whole batch in 1 of 8.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        num_hidden = max(1, num_channels // 16)
        self.excite = nn.Sequential(
            nn.Conv2d(num_channels, num_hidden, 1, bias=False),
            nn.LeakyReLU(0.1, inplace=True),
            nn.Conv2d(num_hidden, num_channels, 1, bias=False),
        )
        self.locate = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> the same shape."""
        mean, peak = x.mean(dim=(2, 3), keepdim=True), F.adaptive_max_pool2d(x, 1)
        x = x * torch.sigmoid(self.excite(mean) + self.excite(peak))
        summary = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1)
        return x * torch.sigmoid(self.locate(summary))
