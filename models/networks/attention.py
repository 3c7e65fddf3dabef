"""Attention: the residual architecture with CBAM gates on its branches."""

from models.networks import blocks, residual
from models.networks.autoencoder import Autoencoder
from models.networks.gate import Gate


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
