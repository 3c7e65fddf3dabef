"""Where batches come from, as a protocol: models know nothing of corpora."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class BatchSource(Protocol):
    """Where batches come from: data.batches has one for training and one for validation."""

    def epoch(self, epoch: int) -> Iterator[NDArray[np.float32]]:
        """Yield the batches of an epoch, each (N, 1, H, W) in [0, 1]; the same on every call."""
        ...

    @property
    def num_batches(self) -> int:
        """Batches per epoch."""
        ...
