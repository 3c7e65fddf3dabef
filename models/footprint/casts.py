"""Autocast for tensors without data.

torch's autocast goes by the device and leaves the meta device alone. Its own way around that,
FakeTensorMode, imports torch's compiler, which takes two seconds of every search, and counts half
as fast.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

CAST_FUNCTIONS = frozenset({torch.conv2d, torch.conv_transpose2d})
"""Of what autocast computes in bf16, the functions that our networks call while it is on."""


class CastMeta(TorchFunctionMode):
    """Casts what the functions are given to bf16 while autocast of the CPU is on."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = (args, dict(kwargs or {}))
        if func in CAST_FUNCTIONS and torch.is_autocast_enabled("cpu"):
            given = tree_map_only(Tensor, lambda tensor: tensor.to(torch.bfloat16), given)
        return func(*given[0], **given[1])
