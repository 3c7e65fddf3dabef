"""Structural similarity as matrix products: one value per image, with an analytic gradient.

The definition is Wang et al. (2004): Gaussian window 11 x 11 with sigma 1.5, K = (.01, .03), data
range 1, population covariance, and only windows that lie inside the image (valid padding). A
separable window applied along one axis is a product with a banded matrix, so the local means come
from two matrix products per map, which a CPU does faster than a one-channel convolution. The maps
are x̂, x, x̂² + x² and x̂·x: SSIM needs the variances only as their sum.

Axis letters: N images, H rows, W columns, h = H - 10 and w = W - 10 window positions.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from models.autocast import without_autocast
from models.errors import ModelError

WINDOW_PX = 11
SIGMA_PX = 1.5
C1 = 0.01**2
C2 = 0.03**2


def ssim_per_image(x_hat: Tensor, x: Tensor) -> Tensor:
    """SSIM of each image, differentiable once in x_hat; x counts as a constant.

    Half-precision input is computed in fp32: the variances are small differences.

    Args:
        x_hat: Reconstructions, (N, 1, H, W) in [0, 1].
        x: Originals, the same shape.

    Returns:
        (N,) values, at most 1 (identical images).

    Raises:
        ModelError: When a side is shorter than the window, or the shapes differ.

    Example:
        >>> x = torch.rand(2, 1, 16, 16)
        >>> ssim_per_image(x, x)
        tensor([1., 1.])
    """
    if x_hat.shape != x.shape or x.ndim != 4 or x.shape[1] != 1:
        raise ModelError(
            "SSIM compares two (N, 1, H, W) tensors of one shape, found "
            f"{tuple(x_hat.shape)} and {tuple(x.shape)}: pass batches of one-channel images"
        )
    if min(x.shape[-2:]) < WINDOW_PX:
        raise ModelError(
            f"SSIM needs images of at least {WINDOW_PX} x {WINDOW_PX} px, found "
            f"{x.shape[-2]} x {x.shape[-1]}: use larger crops"
        )
    dtype = torch.promote_types(torch.promote_types(x_hat.dtype, x.dtype), torch.float32)
    with without_autocast(x):
        images = x_hat.to(dtype).squeeze(1), x.to(dtype).squeeze(1)
        scores: Tensor = _Ssim.apply(*images)  # type: ignore[no-untyped-call]
    return scores


class _Ssim(torch.autograd.Function):
    """(N, H, W) pairs to (N,) values; the backward is the derivative written out by hand.

    With local means a = F x̂, b = F x, s = F(x̂² + x²), p = F(x̂ x), and
    l = 2ab + C1, c = 2(p - ab) + C2, L = a² + b² + C1, C = s - a² - b² + C2:
    SSIM map q = l c / (L C), and x̂ receives Fᵀ(dq/da) + 2 x̂ Fᵀ(dq/ds) + x Fᵀ(dq/dp).
    """

    @staticmethod
    def forward(ctx: Any, x_hat: Tensor, x: Tensor) -> Tensor:
        maps = torch.stack((x_hat, x, x_hat.square().addcmul_(x, x), x_hat * x))
        a, b, s, p = filter_valid(maps)
        products = a * b
        squares = a.square().addcmul_(b, b)
        luminance = (2 * products).add_(C1)
        luminance_norm = squares + C1
        contrast = p.sub_(products).mul_(2).add_(C2)
        contrast_norm = s.sub_(squares).add_(C2)
        quality = luminance * contrast / (luminance_norm * contrast_norm)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(
                x_hat, x, a, b, luminance, luminance_norm, contrast, contrast_norm
            )
        means: Tensor = quality.mean((1, 2))
        return means

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        x_hat, x, a, b, luminance, luminance_norm, contrast, contrast_norm = ctx.saved_tensors
        share = (grad / (a.shape[1] * a.shape[2]))[:, None, None]
        by_p = 2 * share * luminance / (luminance_norm * contrast_norm)  # dq/dp = 2 dq/dc
        by_s = by_p * contrast / (-2 * contrast_norm)  # dq/ds = dq/dC
        by_l = 2 * share * contrast / (luminance_norm * contrast_norm)  # 2 dq/dl
        by_norm = by_l * luminance / luminance_norm  # -2 dq/dL
        by_a = b * (by_l - by_p) - a * (by_norm + 2 * by_s)  # dq/da, through l, c, L and C
        back = spread_valid(torch.stack((by_a, by_s, by_p)), x.shape[1:])
        return back[0].addcmul_(x_hat, back[1], value=2).addcmul_(x, back[2]), None


def filter_valid(maps: Tensor) -> Tensor:
    """Local Gaussian means of (..., H, W) maps at the (..., h, w) inner positions."""
    rows = window_band(maps.shape[-2], maps.dtype, maps.device)
    columns = window_band(maps.shape[-1], maps.dtype, maps.device)
    return rows @ (maps @ columns.T)


def spread_valid(means: Tensor, size: torch.Size) -> Tensor:
    """Return the transpose of filter_valid: (..., h, w) back to (..., H, W)."""
    rows = window_band(size[-2], means.dtype, means.device)
    columns = window_band(size[-1], means.dtype, means.device)
    return (rows.T @ means) @ columns


@lru_cache(maxsize=16)
def window_band(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the (size - 10, size) matrix whose row i holds the Gaussian window from column i on.

    Made once per process and kept.
    """
    offsets = torch.arange(WINDOW_PX, dtype=torch.float64) - WINDOW_PX // 2
    window = torch.exp(-offsets.square() / (2 * SIGMA_PX**2))
    window /= window.sum()
    band = torch.zeros(size - WINDOW_PX + 1, size, dtype=torch.float64)
    for shift, weight in enumerate(window):
        band.diagonal(shift).fill_(weight)
    return band.to(device=device, dtype=dtype)
