"""The shapes that every architecture shares: reduction per side, the ratios, what they mean."""

RATIOS = (4, 8, 16, 32, 64)
"""The ratios that the service compares."""

REDUCTION = 16
"""Pixels per latent position and side: a latent of an (H, W) image is (H / 16, W / 16)."""

BITS_PER_PIXEL = 8
"""Of the images that a ratio of bytes compares with."""


def nominal_channels(ratio: int) -> int:
    """Return the latent channels with a ratio of elements: a latent has 1 / 256 of the positions.

    >>> nominal_channels(16)
    16
    """
    return REDUCTION**2 // ratio


def target_bpp(ratio: float) -> float:
    """Return the bits per pixel that a ratio of bytes stands for.

    >>> target_bpp(16)
    0.5
    """
    return BITS_PER_PIXEL / ratio
