"""Models that have shapes and no data: to count what is in them, and to follow a step's memory.

torch's meta device alone is not enough: drawing weights on it imports torch's compiler, which takes
a second and a half and 70 MiB. So nothing is drawn.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from models.networks.autoencoder import Autoencoder
from models.registry import ModelConfig, build_model


def build_weightless(config: ModelConfig) -> Autoencoder:
    """Build a model on the meta device.

    Example:
        >>> from models.registry import count_parameters
        >>> count_parameters(build_weightless(ModelConfig("attention", 16, 64)))
        24009025
    """
    with torch.device("meta"), _DrawNothing():
        return build_model(config)


class _DrawNothing(TorchFunctionMode):
    """Leaves the functions of torch.nn.init out."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if getattr(func, "__module__", None) == "torch.nn.init":
            return None
        return func(*args, **(kwargs or {}))
