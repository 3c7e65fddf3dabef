"""The memory of a training step, counted without computing it.

A step runs on tensors that have shapes, formats and storages but no data, while every storage is
counted from the operation that makes it to the moment that nobody holds it any more:
what autograd keeps for the backward pass, and how much is alive at the fullest moment. Takes what
the shapes depend on, gives bytes. What they mean for a device and a budget: models.footprint.

Letters: N images, P pixels of a side.
"""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models.footprint.casts import CastMeta
from models.footprint.shape_rules import SHAPE_RULES
from models.footprint.weightless import build_weightless
from models.metrics.ssim import window_band
from models.networks.autoencoder import Autoencoder
from models.registry import ModelConfig
from models.training.losses import LossWeights, training_loss

aten = torch.ops.aten

BLOCK_CHANNELS = 16
"""Channels per block of oneDNN's order nChw16c, on a CPU with AVX-512."""


@dataclass(frozen=True)
class StepMemory:
    """What one optimiser step holds beside weights, their average and the optimiser's state.

    Attributes:
        num_parameters: Trainable parameters.
        num_parameter_tensors: The tensors that they lie in.
        weights_bytes: Parameters and buffers, that is running statistics.
        macs: Multiply-accumulates of all convolutions of one image's forward pass; norms,
            activations and resampling are not counted.
        saved_bytes: Kept by autograd between the forward and the backward pass of one
            micro-batch: every storage once, weights and buffers left out, the images included.
        peak_bytes: Alive at the fullest moment: images, activations, their gradients, and the
            gradients of weights that exist by then.
    """

    num_parameters: int
    num_parameter_tensors: int
    weights_bytes: int
    macs: int
    saved_bytes: int
    peak_bytes: int


@lru_cache(maxsize=4096)
def simulate_step(
    model: ModelConfig, patch_px: int, batch_size: int, precision: str, *, accumulates: bool
) -> StepMemory:
    """Runs a step of models.training on tensors without data.

    Validation is left out: it goes through the network in equal batches without gradients and
    keeps nothing, so that it takes less.

    The operations are the CPU's, for a GPU too. That fp32 saves the same there follows from the
    formulas of autograd, which are not the device's; for bf16 the devices' lists of operations
    that stay in fp32 differ, but none on the CPU's list occurs: there, only x, x̂, what SSIM keeps
    and the statistics of norms are saved in fp32.

    Args:
        model: Which model.
        patch_px: Side of the images, a multiple of 16.
        batch_size: Images per backward pass.
        precision: "fp32", or "bf16" for autocast.
        accumulates: Whether a step has several backward passes: all but the first find gradients
            there.
    """
    is_bf16 = precision == "bf16"
    # SSIM keeps it for good: made before the step, it is none of the step's.
    band = window_band(patch_px, torch.float32, torch.device("meta"))
    network = build_weightless(model)
    with torch.device("meta"), CastMeta():
        owned = [*network.parameters(), *network.buffers()]
        memory = _LiveMemory([*owned, band])
        with memory:
            if accumulates:
                for parameter in network.parameters():
                    parameter.grad = torch.zeros_like(parameter)
            saved_bytes, macs = _train(network, memory, batch_size, patch_px, is_bf16=is_bf16)
    parameters = list(network.parameters())
    return StepMemory(
        num_parameters=sum(p.numel() for p in parameters),
        num_parameter_tensors=len(parameters),
        weights_bytes=sum(t.nbytes for t in owned),
        macs=macs // batch_size,
        saved_bytes=saved_bytes,
        peak_bytes=memory.peak_bytes,
    )


def _train(
    network: Autoencoder, memory: "_LiveMemory", batch_size: int, patch_px: int, *, is_bf16: bool
) -> tuple[int, int]:
    """One micro-batch; the bytes that it saves and the multiply-accumulates of its forward pass."""
    before_bytes = memory.live_bytes
    loss = _loss(network, batch_size, patch_px, is_bf16=is_bf16)
    saved_bytes = memory.live_bytes - before_bytes - loss.nbytes
    macs = memory.macs
    torch.autograd.backward(loss)
    return saved_bytes, macs


def _loss(network: Autoencoder, num_images: int, patch_px: int, *, is_bf16: bool) -> Tensor:
    """The same as in models.training; the weights of the loss change no shape."""
    x = torch.empty(num_images, 1, patch_px, patch_px)
    return training_loss(network, x, LossWeights(0.5, 0.5, 1.0), is_bf16=is_bf16).loss


class _LiveMemory(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts every storage from the operation that makes it until it is freed.

    Attributes:
        live_bytes: Of all counted storages that somebody holds now.
        peak_bytes: The most that there ever were, scratch memory inside operations included.
        macs: Multiply-accumulates of the convolutions so far.
    """

    def __init__(self, owned: list[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live_bytes = 0
        self.peak_bytes = 0
        self.macs = 0
        self._owned = {_key(t) for t in owned}
        self._sizes: dict[int, int] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No need to tell torch's compiler to look away: it would be imported for that."""
        return False

    def __torch_dispatch__(
        self,
        func: Any,
        types: tuple[type, ...],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = SHAPE_RULES.get(func, func)(*args, **(kwargs or {}))
        if func is torch.ops.prim.device.default:  # every second call: where does a tensor lie
            return result
        if func is aten.convolution.default:
            self.macs += _convolution_macs(result, *args)
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf)
        scratch_bytes = _SCRATCH[func](result, *args) if func in _SCRATCH else 0
        self.peak_bytes = max(self.peak_bytes, self.live_bytes + scratch_bytes)
        return result

    def _count(self, tensor: Tensor) -> None:
        key = _key(tensor)
        if key in self._owned or key in self._sizes:
            return
        storage = tensor.untyped_storage()
        self._sizes[key] = storage.nbytes()
        self.live_bytes += storage.nbytes()
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.live_bytes -= self._sizes.pop(key)


def _key(tensor: Tensor) -> int:
    """Return the identity of the tensor's storage, which views of it share."""
    return int(tensor.untyped_storage()._cdata)


def _convolution_macs(result: Tensor, x: Tensor, weight: Tensor, *options: Any) -> int:
    """Every weight meets every position: of the output, or of the input where it is transposed."""
    is_transposed = options[4]
    place = x if is_transposed else result
    return weight.numel() * place.numel() // place.shape[1]


def _convolution_scratch(result: Tensor, x: Tensor, weight: Tensor, *options: Any) -> int:
    """Copies of input and weights, then one of the output, or two where it is transposed."""
    is_transposed = options[4]
    if is_transposed:
        return max(_blocked_bytes(x) + _weight_bytes(weight), 2 * _source_bytes(result))
    return max(_source_bytes(x) + _weight_bytes(weight), _blocked_bytes(result))


def _convolution_backward_scratch(
    _result: object, grad: Tensor, x: Tensor, weight: Tensor, *options: Any
) -> int:
    """Copies of gradient, input and weights, which live beside the results at the end."""
    is_transposed = options[4]
    source, sink = (grad, x) if is_transposed else (x, grad)
    return _source_bytes(source) + _blocked_bytes(sink) + _weight_bytes(weight)


def _source_bytes(x: Tensor) -> int:
    """Of the side that a convolution reads, and a transposed one writes: one channel stays one."""
    return x.nbytes if x.shape[1] == 1 else _blocked_bytes(x)


def _blocked_bytes(x: Tensor) -> int:
    num_channels = x.shape[1]
    return x.nbytes // num_channels * _fill_up(num_channels)


def _weight_bytes(weight: Tensor) -> int:
    """Of weights in blocks, in the fp32 that their gradients add up in."""
    num_first, num_second, height, width = weight.shape
    itemsize = torch.float32.itemsize
    num_filled = _fill_up(num_first) * (1 if num_second == 1 else _fill_up(num_second))
    return itemsize * height * width * num_filled


def _fill_up(num_channels: int) -> int:
    return -(-num_channels // BLOCK_CHANNELS) * BLOCK_CHANNELS


_SCRATCH: Mapping[Any, Callable[..., int]] = {
    aten.convolution.default: _convolution_scratch,
    aten.convolution_backward.default: _convolution_backward_scratch,
}
"""Bytes that CPU kernels take and give back within one operation, unseen by dispatch.

oneDNN copies what a convolution reads and writes into an order of its own, blocks of channels
filled up with zeros. Read off the allocations that the profiler notes inside the operations, for
images in NCHW order; those in NHWC order need fewer copies.
"""
