"""What operations return, as far as memory goes: tensors of the right size and format, no data.

For operations whose shapes torch finds in Python, by way of its compiler: that takes a second to
import, and a prediction four times as long. The rules know what our networks ask, and a test
compares what they count with what torch's count.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

aten = torch.ops.aten


def _like(x: Tensor, *_arguments: Any, dtype: torch.dtype | None = None, **_options: Any) -> Tensor:
    """Return a tensor of the first one's size; `torch.empty_like` goes by way of Python."""
    return x.new_empty(x.shape, dtype=dtype)


def _convolution(x: Tensor, weight: Tensor, _bias: object, *options: Any) -> Tensor:
    """Return the output: its sides follow from those of the input, or the other way round."""
    *windows, is_transposed, margins, num_groups = options
    sides = zip(x.shape[2:], weight.shape[2:], *windows, margins, strict=True)
    if not is_transposed:
        shape = [(n + 2 * pad - gap * (k - 1) - 1) // step + 1 for n, k, step, pad, gap, _ in sides]
        return x.new_empty(x.shape[0], weight.shape[0], *shape)
    shape = [(n - 1) * step - 2 * pad + gap * (k - 1) + m + 1 for n, k, step, pad, gap, m in sides]
    return x.new_empty(x.shape[0], weight.shape[1] * num_groups, *shape)


def _convolution_backward(
    grad: Tensor, x: Tensor, weight: Tensor, bias_sizes: Sequence[int] | None, *options: Any
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Return the gradients of input, weight and bias, of those that are asked for."""
    *_, is_asked = options
    return (
        _like(x) if is_asked[0] else None,
        _like(weight) if is_asked[1] else None,
        grad.new_empty(bias_sizes or ()) if is_asked[2] else None,
    )


def _batch_norm(x: Tensor, *_options: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output, and mean and inverse deviation per channel in the weights' format."""
    return _like(x), _per_channel(x), _per_channel(x)


def _batch_norm_backward(grad: Tensor, _x: Tensor, *_options: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of input, weight and bias."""
    return _like(grad), _per_channel(grad), _per_channel(grad)


def _per_channel(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[1], dtype=torch.float32)


def _upsample(x: Tensor, size: tuple[int, int], *_options: Any) -> Tensor:
    return x.new_empty(*x.shape[:2], *size)


def _reduce(x: Tensor, dims: Sequence[int] = (), keepdim: bool = False, **_options: Any) -> Tensor:
    over = {dim % x.ndim for dim in dims} or set(range(x.ndim))
    kept = [1 if i in over else n for i, n in enumerate(x.shape) if keepdim or i not in over]
    return x.new_empty(kept)


def _elementwise(x: Tensor, y: Tensor | float, **_options: Any) -> Tensor:
    if not isinstance(y, Tensor):
        return _like(x)
    shape = np.broadcast_shapes(x.shape, y.shape)  # torch's imports half of its compiler
    return x.new_empty(shape, dtype=torch.result_type(x, y))


def _compare(x: Tensor, *_arguments: Any) -> Tensor:
    return x.new_empty(x.shape, dtype=torch.bool)


def _where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    return x.new_empty(shape, dtype=torch.result_type(x, y))


def _cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    shape = list(tensors[0].shape)
    shape[dim] = sum(tensor.shape[dim] for tensor in tensors)
    return tensors[0].new_empty(shape)


def _stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    shape = list(tensors[0].shape)
    shape.insert(dim % (len(shape) + 1), len(tensors))
    return tensors[0].new_empty(shape)


def _in_place(x: Tensor, *_arguments: Any, **_options: Any) -> Tensor:
    return x


def _max_pool(x: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    return _maxima(x, [*x.shape[:2], *size])


def _max(x: Tensor, dim: int, keepdim: bool = False) -> tuple[Tensor, Tensor]:
    shape = list(x.shape)
    shape[dim : dim % x.ndim + 1] = [1] if keepdim else []
    return _maxima(x, shape)


def _maxima(x: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the maxima and where they were."""
    return x.new_empty(shape), x.new_empty(shape, dtype=torch.int64)


def _gather(x: Tensor, _dim: int, places: Tensor, **_options: Any) -> Tensor:
    return x.new_empty(places.shape)


def _repeat(x: Tensor, times: Sequence[int]) -> Tensor:
    sides = [*[1] * (len(times) - x.ndim), *x.shape]
    return x.new_empty([n * count for n, count in zip(sides, times, strict=True)])


def _pad(x: Tensor, margins: Sequence[int], *_value: float) -> Tensor:
    """Margins come in pairs, the last dimension's first."""
    shape = list(x.shape)
    for place, pair in enumerate(zip(margins[::2], margins[1::2], strict=True), start=1):
        shape[-place] += sum(pair)
    return x.new_empty(shape)


def _matrix_product(x: Tensor, y: Tensor) -> Tensor:
    return x.new_empty(*x.shape[:-1], y.shape[-1])


def _upsample_backward(grad: Tensor, _size: object, shape: Sequence[int], *_options: Any) -> Tensor:
    return grad.new_empty(shape)


SHAPE_RULES: Mapping[Any, Callable[..., Any]] = {
    aten.convolution.default: _convolution,
    aten.convolution_backward.default: _convolution_backward,
    aten.native_batch_norm.default: _batch_norm,
    aten.native_batch_norm_backward.default: _batch_norm_backward,
    aten.upsample_bilinear2d.default: _upsample,
    aten.upsample_nearest2d.default: _upsample,
    aten.upsample_nearest2d_backward.default: _upsample_backward,
    aten.adaptive_max_pool2d.default: _max_pool,
    aten.constant_pad_nd.default: _pad,
    aten.max.dim: _max,
    aten.repeat.default: _repeat,
    aten.gather.default: _gather,
    aten.mm.default: _matrix_product,
    aten.bmm.default: _matrix_product,
    aten.mean.default: _reduce,
    aten.mean.dim: _reduce,
    aten.sum.default: _reduce,
    aten.sum.dim_IntList: _reduce,
    aten.cat.default: _cat,
    aten.stack.default: _stack,
    aten.add.Tensor: _elementwise,
    aten.sub.Tensor: _elementwise,
    aten.mul.Tensor: _elementwise,
    aten.div.Tensor: _elementwise,
    aten.ge.Scalar: _compare,
    aten.where.self: _where,
    **dict.fromkeys(
        (
            aten.add_.Tensor,
            aten.addcmul_.default,
            aten.div_.Scalar,
            aten.leaky_relu_.default,
            aten.mul_.Tensor,
            aten.relu_.default,
            aten.scatter_.src,
            aten.scatter_add_.default,
            aten.sub_.Tensor,
        ),
        _in_place,
    ),
    **dict.fromkeys(
        (
            aten._softmax.default,
            aten._softmax_backward_data.default,
            aten.abs.default,
            aten.clamp.default,
            aten.div.Scalar,
            aten.empty_like.default,
            aten.exp.default,
            aten.leaky_relu.default,
            aten.leaky_relu_backward.default,
            aten.log2.default,
            aten.mul.Scalar,
            aten.neg.default,
            aten.ones_like.default,
            aten.pow.Tensor_Scalar,
            aten.rand_like.default,
            aten.round.default,
            aten.rsub.Scalar,
            aten.sgn.default,
            aten.sigmoid.default,
            aten.sigmoid_backward.default,
            aten.threshold_backward.default,
            aten.zeros_like.default,
        ),
        _like,
    ),
}
"""By operation. For a norm in bf16 torch gives statistics in the input's format, where real ones
have the weights'."""
