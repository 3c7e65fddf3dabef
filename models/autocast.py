"""Autocast on and off, by the device of a tensor."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast(x: Tensor) -> AbstractContextManager[None]:
    """A context without autocast on the device of x."""
    return torch.autocast(_device_type(x), enabled=False)


def bf16_autocast(x: Tensor, *, is_bf16: bool) -> AbstractContextManager[None]:
    """A context in which networks on the device of x compute in bf16, where asked."""
    return torch.autocast(_device_type(x), dtype=torch.bfloat16) if is_bf16 else nullcontext()


def _device_type(x: Tensor) -> str:
    """Return the device as autocast knows it; in models.footprint, meta stands for the CPU."""
    return "cpu" if x.is_meta else x.device.type
