"""Latents of known structure, for the tests of coders."""

import numpy as np
import torch


def structured_latents(num_images: int = 24, side: int = 16, seed: int = 0) -> torch.Tensor:
    """Channels (N, 4, side, side): smooth, of a variance that varies in space, constant, white."""
    rng = np.random.default_rng(seed)
    shape = (num_images, side, side)
    walk = rng.normal(size=shape).cumsum(1).cumsum(2)
    spread = np.exp(1.5 * np.sin(np.arange(side) / 3 + rng.uniform(0, 6, (num_images, 1, 1))))
    varied = spread * rng.normal(size=shape)
    channels = [walk + 20, varied, np.full(shape, 3.0), rng.normal(size=shape)]
    return torch.from_numpy(np.stack(channels, axis=1).astype(np.float32))
