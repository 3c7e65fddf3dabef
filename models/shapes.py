"""The shapes that every architecture shares: reduction per side, and the ratios."""

RATIOS = (4, 8, 16, 32, 64)
"""The ratios that the service compares."""

REDUCTION = 16
"""Pixels per latent position and side: a latent of an (H, W) image is (H / 16, W / 16)."""
