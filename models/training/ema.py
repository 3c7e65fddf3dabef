"""Averaged weights: what validation scores, because live weights score with eight times the noise.

The average is exponential with a ramped decay min(d, (1 + t) / (10 + t)), so that the first steps
of a short trial are forgotten quickly, and it covers the running statistics of BatchNorm too:
copied statistics belong to other weights and alone double the noise of validation PSNR.
"""

import copy
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

Model = TypeVar("Model", bound=nn.Module)

DECAY = 0.999


def decay_at(step: int, decay: float = DECAY) -> float:
    """Return the share of the average that the update after `step` steps keeps; t counts from 0.

    Example:
        >>> decay_at(0), decay_at(10**6)
        (0.1, 0.999)
    """
    return min(decay, (1 + step) / (10 + step))


class WeightAverage(Generic[Model]):
    """The running average of a model's weights and floating-point buffers.

    Attributes:
        model: An evaluation copy of the model that holds the average.
        num_updates: Optimiser steps seen, t of the decay.
    """

    def __init__(self, live: Model, decay: float = DECAY) -> None:
        self.model = copy.deepcopy(live).eval().requires_grad_(False)
        self.num_updates = 0
        self._decay = decay
        self._averages, self._integers = _split(self.model)
        self._lives, self._live_integers = _split(live)

    @torch.no_grad()
    def update(self) -> None:
        """Moves the average towards the live weights: once after every optimiser step."""
        keep = decay_at(self.num_updates, self._decay)
        torch._foreach_lerp_(self._averages, self._lives, 1 - keep)
        if self._integers:  # BatchNorm's num_batches_tracked
            torch._foreach_copy_(self._integers, self._live_integers)
        self.num_updates += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the average and its count; the tensors are shared, not copied."""
        return {"model": self.model.state_dict(), "num_updates": self.num_updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a saved average."""
        self.model.load_state_dict(state["model"])
        self.num_updates = state["num_updates"]


def _split(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return a model's floating-point and integer tensors, detached but sharing memory."""
    tensors = [t.detach() for t in model.state_dict(keep_vars=True).values()]
    floats = [t for t in tensors if t.is_floating_point()]
    return floats, [t for t in tensors if not t.is_floating_point()]
