"""Structural similarity over five scales, for scoring: valid windows as in models.metrics.ssim.

The definition is Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
assessment" (2003): between scales both images are averaged over squares of 2 x 2 pixels; the
contrast-structure term of the first four scales and the whole SSIM of the coarsest one enter a
product with the paper's exponents.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from models.metrics.ssim import C1, C2, WINDOW_PX, filter_valid

EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, finest first, from the paper."""

MIN_SIDE_PX = (WINDOW_PX - 1) * 2 ** (len(EXPONENTS) - 1) + 1
"""161: halved four times, rounding up, this still holds one window of 11 pixels."""


def ms_ssim(x_hat: Tensor, x: Tensor) -> float | None:
    """MS-SSIM of one pair of images.

    At an odd side the last square holds one row or column only. A negative term counts as 0, as
    is usual: it has no real power.

    Args:
        x_hat: Reconstruction, (H, W) in [0, 1], float32 or better.
        x: Original, the same shape.

    Returns:
        At most 1 (identical images); None where a side is 160 px or less.

    Example:
        >>> x = torch.rand(161, 200, dtype=torch.float64)
        >>> round(ms_ssim(x, x), 6), ms_ssim(x[:160], x[:160])
        (1.0, None)
    """
    if min(x.shape) < MIN_SIDE_PX:
        return None
    pair = torch.stack((x_hat, x))
    terms = []
    for _ in EXPONENTS[:-1]:
        terms.append(_mean_terms(pair)[0])
        pair = avg_pool2d(pair[:, None], 2, ceil_mode=True)[:, 0]
    terms.append(_mean_terms(pair)[1])
    powers = (max(0.0, term) ** power for term, power in zip(terms, EXPONENTS, strict=True))
    return float(math.prod(powers))


def _mean_terms(pair: Tensor) -> tuple[float, float]:
    """Means over the windows of one scale: contrast-structure term, and the whole SSIM."""
    x_hat, x = pair
    a, b, aa, bb, ab = filter_valid(torch.stack((x_hat, x, x_hat**2, x**2, x_hat * x)))
    contrast = (2 * (ab - a * b) + C2) / (aa - a**2 + bb - b**2 + C2)
    luminance = (2 * a * b + C1) / (a**2 + b**2 + C1)
    return float(contrast.mean()), float((luminance * contrast).mean())
