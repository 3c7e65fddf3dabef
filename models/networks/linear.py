"""Linear: the path alone, without a network beside it."""

from torch import Tensor, nn

from models.networks.autoencoder import Autoencoder, check_images, cut
from models.networks.linear_path import LinearPath


class Linear(Autoencoder):
    """A trained linear transform of overlapping windows, the honest opponent of every network.

        x ─ analyse(C) ─ y ─ synthesise ─ x̂
        H               H/16              H

    It is trained and coded as a network is. It has neither base channels nor dropout.
    """

    path: LinearPath

    def __init__(self, base_channels: int, latent_channels: int, dropout: float = 0.0) -> None:
        del base_channels, dropout
        super().__init__(nn.Identity(), [], nn.Identity(), 0.0)
        self.add_path(latent_channels)

    def add_path(self, latent_channels: int) -> None:
        """Put the path in; nothing stands beside it."""
        self.path = LinearPath(latent_channels)

    def encode(self, x: Tensor) -> Tensor:
        """Return the latent of images; see Autoencoder."""
        check_images(x)
        return self.path.analyse(x)

    def decode(self, latent: Tensor) -> Tensor:
        """Return the reconstruction of a latent; see Autoencoder."""
        return cut(self.path.synthesise(latent), is_training=self.training)
