"""Autocast on and off, by the device of a tensor."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast(x: Tensor) -> AbstractContextManager[None]:
    """A context without autocast on the device of x.

    Meta tensors, which have no data (models.footprint.step), have no autocast either.
    """
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)


def bf16_autocast(x: Tensor, *, is_bf16: bool) -> AbstractContextManager[None]:
    """A context in which networks on the device of x compute in bf16, where asked."""
    if not is_bf16:
        return nullcontext()
    return torch.autocast(x.device.type, dtype=torch.bfloat16)
