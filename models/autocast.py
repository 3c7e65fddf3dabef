"""Autocast off, for what computes in formats of its own choice."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast(x: Tensor) -> AbstractContextManager[None]:
    """A context without autocast on the device of x.

    Meta tensors, which have no data (models.footprint.step), have no autocast either.
    """
    return nullcontext() if x.is_meta else torch.autocast(x.device.type, enabled=False)
