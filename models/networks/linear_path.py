"""The linear path: one strided convolution beside the encoder, its transpose beside the decoder.

It starts as the block KLT, the best linear code of 16x16 blocks, while the network beside it starts
at zero: training begins at the linear optimum. Its windows overlap: they reach 8 px beyond their
block on every side, with zeros there at the start. It computes in fp32 whatever the precision, so
that its start is the KLT in all of them.

Letters: N images, C latent channels, H and W pixels, K taps of a window's side.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.autocast import without_autocast
from models.shapes import REDUCTION

WINDOW_PX = 32
"""Side of a window; docs/DECISIONS.md has the comparison with 16 and 48 px."""

MARGIN_PX = (WINDOW_PX - REDUCTION) // 2


class LinearPath(nn.Module):
    """x ─ analyse ─ y (N, C, H/16, W/16) ─ synthesise ─ x̂, both linear but for a constant.

    Attributes:
        analysis: Weights of the encoding convolution, (C, 1, K, K).
        synthesis: Weights of the decoding transposed convolution, (C, 1, K, K).
        shift: Added to the latent, (C,).
        mean_block: Added to every block of the image, row by row, (256,).
    """

    def __init__(self, latent_channels: int) -> None:
        super().__init__()
        shape = (latent_channels, 1, WINDOW_PX, WINDOW_PX)
        self.analysis = nn.Parameter(torch.zeros(shape))
        self.synthesis = nn.Parameter(torch.zeros(shape))
        self.shift = nn.Parameter(torch.zeros(latent_channels))
        self.mean_block = nn.Parameter(torch.zeros(REDUCTION**2))

    @torch.no_grad()
    def start(self, mean: Tensor, basis: Tensor) -> None:
        """Make it the block KLT, in the middle of its windows.

        Args:
            mean: The mean block, (256,).
            basis: Orthonormal rows, the strongest first, (C, 256).
        """
        taps = basis.reshape(-1, 1, REDUCTION, REDUCTION)
        margins = (MARGIN_PX,) * 4
        self.analysis.copy_(F.pad(taps, margins))
        self.synthesis.copy_(F.pad(taps, margins))
        self.shift.copy_(-basis @ mean)
        self.mean_block.copy_(mean)

    def analyse(self, x: Tensor) -> Tensor:
        """(N, 1, H, W) -> (N, C, H / 16, W / 16)."""
        with without_autocast(x):
            return F.conv2d(x, self.analysis, self.shift, stride=REDUCTION, padding=MARGIN_PX)

    def synthesise(self, latent: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, 1, 16 h, 16 w)."""
        rows, columns = latent.shape[2:]
        block = self.mean_block.view(REDUCTION, REDUCTION).repeat(rows, columns)
        with without_autocast(latent):
            image = F.conv_transpose2d(latent, self.synthesis, stride=REDUCTION, padding=MARGIN_PX)
        return image + block
