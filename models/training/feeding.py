"""Batches on their way to the device: in parts where memory asks for it, in the asked layout."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.training.config import TrainConfig


def micro_batches(config: TrainConfig, batch: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield the parts of a batch that go through the network; the last may be smaller."""
    size = config.micro_batch or len(batch)
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def to_device(config: TrainConfig, images: NDArray[np.float32], device: torch.device) -> Tensor:
    """Return images (N, 1, H, W) on a device, in the configured memory layout."""
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    return torch.from_numpy(images).to(device, memory_format=layout, non_blocking=True)
