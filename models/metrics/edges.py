"""How well edges survive a codec: correlations of high-pass filtered images.

Both indices subtract the mean before they correlate. Without that, two unrelated SAR patches score
about 0.74, because gradient magnitudes are positive everywhere; centred, they score about 0.

Filters are applied where they fit inside the image. scipy only; no torch.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate

Image = NDArray[np.float64]

SOBEL = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]) / 4.0
"""Horizontal derivative; its transpose is the vertical one."""

LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], dtype=np.float64)

MIN_SIDE_PX = 3


def edge_correlation(x: Image, x_hat: Image) -> float | None:
    """Pearson correlation of Sobel gradient magnitudes.

    Args:
        x: Original, (H, W), both at least 3.
        x_hat: Decoded, the same shape.

    Returns:
        In [-1, 1], 1 where all gradients are kept; None where the gradient magnitude of either
        image is the same everywhere.
    """
    return _pearson(_gradient_magnitude(x), _gradient_magnitude(x_hat))


def sattar_index(x: Image, x_hat: Image) -> float | None:
    """Edge preservation index of Sattar et al., IEEE TIP 6(6), 1997: correlation of Laplacians.

    Args:
        x: Original, (H, W), both at least 3.
        x_hat: Decoded, the same shape.

    Returns:
        In [-1, 1], 1 where all edges are kept; None where the Laplacian of either image is the
        same everywhere.
    """
    return _pearson(_filter_valid(x, LAPLACIAN), _filter_valid(x_hat, LAPLACIAN))


def _gradient_magnitude(image: Image) -> Image:
    return np.hypot(_filter_valid(image, SOBEL), _filter_valid(image, SOBEL.T))


def _filter_valid(image: Image, kernel: Image) -> Image:
    inner: Image = correlate(image, kernel)[1:-1, 1:-1]
    return inner


def _pearson(a: Image, b: Image) -> float | None:
    """None where either side is constant up to the rounding of float32 images."""
    if min(a.std(), b.std()) < np.finfo(np.float32).eps:
        return None
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
