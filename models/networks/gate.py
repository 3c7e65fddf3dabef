"""The CBAM gate of models.networks.attention, with its gradient written out.

Composed of torch's operations its backward pass took two thirds as long as the convolutions beside
it: the gradient of a maximum over channels alone compares, counts and divides whole images. Here
products of matrices take the place of most passes over images, and a maximum's gradient goes to
the one place that it came from (the first of ties). benchmarks/training_step.py has the ratio.

Letters: N images, C channels, H and W pixels, P = H·W places.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from models.autocast import without_autocast

LEAK = 0.1
WINDOW_PX = 7


class Gate(nn.Module):
    """CBAM: x · σ(MLP(mean) + MLP(max)) by channel, then · σ(7x7 convolution of [max, mean]).

    Both gates start near 1/2, so a branch starts at a quarter of its strength. The hidden units
    leak where CBAM has ReLU: with one or two of them, a ReLU was off for a whole batch in 1 of 8.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        num_hidden = max(1, num_channels // 16)
        self.excite = nn.Sequential(
            nn.Conv2d(num_channels, num_hidden, 1, bias=False),
            nn.LeakyReLU(LEAK),
            nn.Conv2d(num_hidden, num_channels, 1, bias=False),
        )
        self.locate = nn.Conv2d(2, 1, WINDOW_PX, padding=WINDOW_PX // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        squeeze, _, widen = self.excite
        weights = squeeze.weight, widen.weight, self.locate.weight
        with without_autocast(x):
            gated: Tensor = _Gating.apply(x, *weights)  # type: ignore[no-untyped-call]
        return gated


class _Gating(torch.autograd.Function):
    """The gate as a function of x and of the weights of its three convolutions.

    With m the mean and p the maximum of x over places, by channel,
        s = σ(MLP(m) + MLP(p)),  y = s x,
        t = [max y, mean y] over channels,  g = σ(window * t),  and the gate is g y.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, squeeze: Tensor, widen: Tensor, window: Tensor) -> Tensor:
        num_images, num_channels = x.shape[:2]
        peak, peak_at = F.adaptive_max_pool2d(x, 1, return_indices=True)
        values = x.flatten(2)
        num_places = values.shape[2]
        mean = _sum_places(values, values.new_ones(num_images, 1, num_places)) / num_places
        pooled = torch.cat([mean, peak.flatten(1)]).to(squeeze.dtype)
        hidden = pooled @ squeeze.flatten(1).T
        logits = F.leaky_relu(hidden, LEAK) @ widen.flatten(1).T
        s = torch.sigmoid(logits[:num_images] + logits[num_images:])
        by_channel = s.to(x.dtype)
        y = x * by_channel[:, :, None, None]
        top, top_at = y.max(dim=1, keepdim=True)
        channel_mean = _sum_channels(values, by_channel / num_channels)
        summary = torch.cat([top, channel_mean.view_as(top)], dim=1)
        g = torch.sigmoid(F.conv2d(summary, window.to(x.dtype), padding=WINDOW_PX // 2))
        ctx.save_for_backward(
            x, peak_at, pooled, hidden, s, top_at, summary, g, squeeze, widen, window
        )
        return y.mul_(g)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, peak_at, pooled, hidden, s, top_at, summary, g, squeeze, widen, window = (
            ctx.saved_tensors
        )
        num_images, num_channels = s.shape
        by_channel = s.to(x.dtype)
        values, by_place = x.flatten(2), g.flatten(2)  # (N, C, P), (N, 1, P)
        top_at = top_at.flatten(1)  # (N, P)
        grad = grad.flatten(2)
        product = grad * values
        # d out / d g = y, and from there to the summary and its window.
        grad_g = _sum_channels(product, by_channel).view_as(g)
        grad_summary, grad_window = _convolution_backward(grad_g * g * (1 - g), summary, window)
        grad_summary = grad_summary.flatten(2)
        grad_top, grad_mean = grad_summary[:, 0], grad_summary[:, 1:] / num_channels
        # d / d s, of y = s x at its three uses.
        grad_s = (_sum_places(product, by_place) + _sum_places(values, grad_mean)).to(s.dtype)
        top_values = values.gather(1, top_at[:, None]).squeeze(1)
        grad_s += sum_at_channels((grad_top * top_values).to(s.dtype), top_at, num_channels)
        grad_pooled, grad_squeeze, grad_widen = _excite_backward(
            (grad_s * s * (1 - s)).repeat(2, 1), pooled, hidden, squeeze, widen
        )
        grad_pooled = grad_pooled.to(x.dtype)
        grad_pooled_mean, grad_pooled_peak = grad_pooled[:num_images], grad_pooled[num_images:]
        # d / d x: a sum of two outer products, the dense term, and single places.
        columns = torch.stack([by_channel, grad_pooled_mean / values.shape[2]], dim=2)  # (N, C, 2)
        rows = torch.cat([grad_mean, torch.ones_like(grad_mean)], dim=1)  # (N, 2, P)
        spread = (rows.mT @ columns.mT).mT if _is_channels_last(values) else columns @ rows
        grad_x = spread.addcmul_(grad * by_place, by_channel[:, :, None])
        _add_at_channels(grad_x, top_at, grad_top * by_channel.gather(1, top_at))
        _add_at_places(grad_x, peak_at.flatten(1), grad_pooled_peak)
        return grad_x.view_as(x), grad_squeeze, grad_widen, grad_window


def _is_channels_last(values: Tensor) -> bool:
    """Return whether the channels of (N, C, P) lie side by side."""
    return values.stride(1) == 1 and values.shape[1] > 1


def _sum_channels(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of (N, C, P) over channels, weights (N, C): (N, 1, P)."""
    if _is_channels_last(values):  # bf16 products copy what is not contiguous
        return (values.mT @ weights[:, :, None]).mT
    return weights[:, None] @ values


def _sum_places(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of (N, C, P) over places, weights (N, 1, P): (N, C)."""
    if _is_channels_last(values):
        return (weights @ values.mT).squeeze(1)
    return (values @ weights.mT).squeeze(2)


def sum_at_channels(values: Tensor, channels: Tensor, num_channels: int) -> Tensor:
    """Sum of (N, P) over the places of each channel: (N, C).

    On a card that must repeat itself as a sum over masked places, because a scatter adds in any
    order there.
    """
    if values.is_cuda and torch.are_deterministic_algorithms_enabled():
        return sum_masked(values, channels, num_channels)
    sums = values.new_zeros(len(values), num_channels)
    return sums.scatter_add_(1, channels, values)


def sum_masked(values: Tensor, channels: Tensor, num_channels: int) -> Tensor:
    """The same as sum_at_channels, always in the same order."""
    numbers = torch.arange(num_channels, device=channels.device)
    is_at = channels[:, None] == numbers[None, :, None]
    return torch.where(is_at, values[:, None], 0).sum(2)


def _add_at_channels(values: Tensor, channels: Tensor, added: Tensor) -> None:
    """Adds (N, P) to (N, C, P) in place, at one channel of each place."""
    if _is_channels_last(values):
        _add_at(values.mT, 2, channels[:, :, None], added[:, :, None])
    else:
        _add_at(values, 1, channels[:, None], added[:, None])


def _add_at_places(values: Tensor, places: Tensor, added: Tensor) -> None:
    """Adds (N, C) to (N, C, P) in place, at one place of each channel."""
    if _is_channels_last(values):
        _add_at(values.mT, 1, places[:, None], added[:, None])
    else:
        _add_at(values, 2, places[:, :, None], added[:, :, None])


def _add_at(values: Tensor, dim: int, index: Tensor, added: Tensor) -> None:
    """Adds in place where no index occurs twice; scatter_add_ would copy a bf16 tensor twice."""
    with _in_any_order():
        values.scatter_(dim, index, values.gather(dim, index) + added)


@contextmanager
def _in_any_order() -> Iterator[None]:
    """Let torch write to places in any order: where none occurs twice, the result is the same.

    Its repeatable form of a scatter sorts the places and waits for the card.
    """
    is_strict = torch.are_deterministic_algorithms_enabled()
    if not is_strict:
        yield
        return
    is_warning = torch.is_deterministic_algorithms_warn_only_enabled()
    torch._C._set_deterministic_algorithms(False)
    try:
        yield
    finally:
        torch._C._set_deterministic_algorithms(True, warn_only=is_warning)


def _excite_backward(
    grad: Tensor, pooled: Tensor, hidden: Tensor, squeeze: Tensor, widen: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """From the gradient of the logits, (2N, C), to those of pooled values and of both weights."""
    grad_widen = grad.T @ F.leaky_relu(hidden, LEAK)
    grad_leaky = grad @ widen.flatten(1)
    grad_hidden = torch.ops.aten.leaky_relu_backward(grad_leaky, hidden, LEAK, False)
    grad_squeeze = grad_hidden.T @ pooled
    return (
        grad_hidden @ squeeze.flatten(1),
        grad_squeeze.view_as(squeeze),
        grad_widen.view_as(widen),
    )


def _convolution_backward(grad: Tensor, x: Tensor, window: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients of a padded convolution's input and window."""
    padding = [WINDOW_PX // 2] * 2
    grad_x, grad_window, _ = torch.ops.aten.convolution_backward(
        grad, x, window.to(x.dtype), None, [1, 1], padding, [1, 1], False, [0, 0], 1,
        [True, True, False],
    )  # fmt: skip
    return grad_x, grad_window.to(window.dtype)
