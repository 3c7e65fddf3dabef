"""ResNet: post-activation residual blocks."""

from itertools import pairwise

from torch import Tensor, nn

from models.networks import blocks
from models.networks.autoencoder import Autoencoder


class ResNet(Autoencoder):
    """Residual autoencoder with the activation after the addition.

        x ─ stem(B) ─ [block, down(2B)] ─ [·(4B)] ─ [·(8B)] ─ [block, down(C)] ─ y
        H      H            H/2             H/4       H/8           H/16

        y ─ [up(8B), block] ─ [·(4B)] ─ [·(2B)] ─ [up(B), block] ─ 7x7 ─ σ ─ x̂
                  H/8           H/4       H/2           H           H       H

    The block that gives y has no activation behind its addition: y is linear. The last norm of
    every branch starts at scale 0, so that blocks start as their skips (Goyal et al., "Accurate,
    large minibatch SGD", 2017).

    He, Zhang, Ren, Sun, "Deep residual learning for image recognition", CVPR 2016.
    """

    def __init__(self, base_channels: int, latent_channels: int, dropout: float = 0.0) -> None:
        widths = [2 * base_channels, 4 * base_channels, 8 * base_channels]
        encoder = nn.Sequential(blocks.stem(base_channels))
        for i, o in pairwise([base_channels, *widths]):
            encoder.extend([Block(i), Down(i, o)])
        encoder.extend([Block(widths[-1]), Down(widths[-1], latent_channels, is_linear=True)])
        outs = [*reversed(widths), base_channels]
        decoder = [nn.Sequential(Up(i, o), Block(o)) for i, o in pairwise([latent_channels, *outs])]
        head = blocks.head(base_channels)
        super().__init__(encoder, decoder, head, dropout)
        blocks.initialise(self)
        blocks.initialise_convolution(head, gain=0.1)


class Block(nn.Module):
    """x -> ReLU(x + branch(x)); branch = 3x3, norm, ReLU, 3x3, norm."""

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.branch = _branch(nn.Conv2d(num_channels, num_channels, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> the same shape."""
        out: Tensor = self.branch(x)
        return out.add_(x).relu_()


class Down(nn.Module):
    """x -> ReLU(skip(x) + branch(x)) at half the height and width; is_linear leaves ReLU out."""

    def __init__(self, num_in: int, num_out: int, *, is_linear: bool = False) -> None:
        super().__init__()
        self.is_linear = is_linear
        self.branch = _branch(nn.Conv2d(num_in, num_out, 3, stride=2, padding=1, bias=False))
        self.skip = nn.Sequential(
            blocks.PointwiseDown(num_in, num_out, stride=2), nn.BatchNorm2d(num_out)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> (N, O, H / 2, W / 2)."""
        out: Tensor = self.branch(x).add_(self.skip(x))
        return out if self.is_linear else out.relu_()


class Up(nn.Module):
    """x -> ReLU(skip(x) + branch(x)) at twice the height and width."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.branch = _branch(
            nn.ConvTranspose2d(
                num_in, num_out, 3, stride=2, padding=1, output_padding=1, bias=False
            )
        )
        self.skip = nn.Sequential(blocks.PointwiseUp(num_in, num_out), nn.BatchNorm2d(num_out))

    def forward(self, x: Tensor) -> Tensor:
        """(N, I, H, W) -> (N, O, 2 H, 2 W)."""
        out: Tensor = self.branch(x)
        return out.add_(self.skip(x)).relu_()


def _branch(first: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """The given convolution, norm, ReLU, 3x3 convolution, norm; the last norm's scale is 0."""
    num_out = first.out_channels
    last = nn.BatchNorm2d(num_out)
    nn.init.zeros_(last.weight)
    return nn.Sequential(
        first,
        nn.BatchNorm2d(num_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(num_out, num_out, 3, padding=1, bias=False),
        last,
    )
