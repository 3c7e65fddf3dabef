"""What every architecture is: an encoder, a decoder and a head, with one contract.

The architectures fill in the stages; the checks, the output's range and dropout are here, once.
Letters: N images, C latent channels, B base channels, H and W pixels.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.errors import ModelError
from models.shapes import REDUCTION


class Autoencoder(nn.Module):
    """An autoencoder from images to latents of a sixteenth of their height and width, and back.

        x (N,1,H,W) ─ encoder ─ y (N,C,H/16,W/16) ─ decoder ─ (N,·,H,W) ─ head ─ sigmoid ─ x̂

    The latent y is linear: no activation, no bound. The sigmoid keeps x̂ in [0, 1].
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: Sequence[nn.Module],
        head: nn.Module,
        dropout: float,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = _decoder(decoder, dropout)
        self.head = head

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstructs images.

        Args:
            x: (N, 1, H, W) in [0, 1], H and W multiples of 16.

        Returns:
            The reconstruction x̂ of x's shape and dtype, and the latent (N, C, H/16, W/16).

        Raises:
            ModelError: When x has another number of channels or other sides.
        """
        latent = self.encode(x)
        return self.decode(latent).to(x.dtype), latent

    def encode(self, x: Tensor) -> Tensor:
        """Return the latent of images; see forward."""
        _check_images(x)
        latent: Tensor = self.encoder(x)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Return the reconstruction of a latent, at least in fp32: bf16 has 8 bits near 1."""
        logits: Tensor = self.head(self.decoder(latent))
        dtype = torch.promote_types(logits.dtype, torch.float32)
        return torch.sigmoid(logits.to(dtype))


def _decoder(stages: Sequence[nn.Module], dropout: float) -> nn.Sequential:
    """Return the stages in order, with dropout behind the first, where most channels are.

    Names, not positions: a checkpoint fits the model with and without dropout.
    """
    named: list[tuple[str, nn.Module]] = [(f"stage{i}", s) for i, s in enumerate(stages, start=1)]
    if dropout > 0:
        named.insert(1, ("dropout", nn.Dropout2d(dropout)))
    return nn.Sequential(OrderedDict(named))


def _check_images(x: Tensor) -> None:
    if x.ndim != 4 or x.shape[1] != 1:
        raise ModelError(
            f"images must be of shape (N, 1, H, W), found {tuple(x.shape)}: "
            "pass one polarisation at a time, with a channel axis"
        )
    height, width = x.shape[2:]
    if not (height and width) or height % REDUCTION or width % REDUCTION:
        raise ModelError(
            f"height and width must be multiples of {REDUCTION}, found {height} x {width}: "
            "crop or pad the image"
        )
