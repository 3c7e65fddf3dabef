"""What every architecture is: an encoder, a decoder and a head, with one contract.

The architectures fill in the stages; the checks, the output's range and dropout are here, once, and
so is what stands beside a network: a linear path and a rate model.
Letters: N images, C latent channels, B base channels, H and W pixels.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.errors import ModelError
from models.networks.linear_path import LinearPath
from models.networks.rate_model import RateModel
from models.shapes import REDUCTION


class Autoencoder(nn.Module):
    """An autoencoder from images to latents of a sixteenth of their height and width, and back.

        x (N,1,H,W) ─ encoder ─ y (N,C,H/16,W/16) ─ decoder ─ (N,·,H,W) ─ head ─ sigmoid ─ x̂

    The latent y is linear: no activation, no bound. The sigmoid keeps x̂ in [0, 1]. With a linear
    path, see `add_path`:

        y = path(x) + join(encoder(x)),   x̂ = path'(y) + head(decoder(y)), cut to [0, 1].

    Attributes:
        path: The linear path; None without one.
        rate_model: What latents cost in bits; None where they are not quantised.
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
        self.path: LinearPath | None = None
        self.rate_model: RateModel | None = None

    def add_path(self, latent_channels: int) -> None:
        """Put a linear path beside the network, whose own last layers become zero.

        The last layer of the encoder becomes a 1x1 convolution of its output, because those of the
        architectures end in different things: a convolution, a norm, an addition.
        """
        self.path = LinearPath(latent_channels)
        self.join = nn.Conv2d(latent_channels, latent_channels, 1)
        for last in (self.join, self.head):
            assert isinstance(last, nn.Conv2d | nn.ConvTranspose2d)
            nn.init.zeros_(last.weight)
            if last.bias is not None:
                nn.init.zeros_(last.bias)

    def add_rate_model(self, latent_channels: int) -> None:
        """Let the model say what its latents cost."""
        self.rate_model = RateModel(latent_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstructs images, from real numbers.

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
        check_images(x)
        latent: Tensor = self.encoder(x)
        return latent if self.path is None else self.path.analyse(x) + self.join(latent)

    def decode(self, latent: Tensor) -> Tensor:
        """Return the reconstruction of a latent, at least in fp32: bf16 has 8 bits near 1."""
        logits: Tensor = self.head(self.decoder(latent))
        image = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self.path is None:
            return torch.sigmoid(image)
        return cut(self.path.synthesise(latent) + image, is_training=self.training)


def _decoder(stages: Sequence[nn.Module], dropout: float) -> nn.Sequential:
    """Return the stages in order, with dropout behind the first, where most channels are.

    Names, not positions: a checkpoint fits the model with and without dropout.
    """
    named: list[tuple[str, nn.Module]] = [(f"stage{i}", s) for i, s in enumerate(stages, start=1)]
    if dropout > 0:
        named.insert(1, ("dropout", nn.Dropout2d(dropout)))
    return nn.Sequential(OrderedDict(named))


def cut(image: Tensor, *, is_training: bool) -> Tensor:
    """Cut to [0, 1], but not while training: a value outside would have no gradient."""
    return image if is_training else image.clamp(0.0, 1.0)


def check_images(x: Tensor) -> None:
    """Refuse what no architecture takes.

    Raises:
        ModelError: When x is not (N, 1, H, W), or H or W is no multiple of 16.
    """
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
