"""What linear paths start from: the block KLT of a corpus, fitted once, handed to every trial."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import ModelError
from models.networks.linear_path import LinearPath


@dataclass(frozen=True, eq=False)
class LinearStart:
    """A block KLT with all its coefficients.

    Attributes:
        mean: The mean block of 16x16 pixels, row by row, (256,).
        basis: Orthonormal rows by descending variance, (256, 256).
        variances: Of the coefficients, (256,).
        num_blocks: Blocks that it was fitted on.
    """

    mean: NDArray[np.float64]
    basis: NDArray[np.float64]
    variances: NDArray[np.float64]
    num_blocks: int

    def apply(self, path: LinearPath) -> None:
        """Make a path the KLT of its strongest coefficients.

        Raises:
            ModelError: When the corpus was too small to tell so many coefficients apart.
        """
        channels = len(path.shift)
        if self.num_blocks < channels:
            raise ModelError(
                f"a KLT of {channels} coefficients is fitted on at least as many blocks of 16 px, "
                f"found {self.num_blocks} in the training patches: add scenes, or ask for fewer "
                "latent channels"
            )
        basis = torch.from_numpy(self.basis[:channels]).float()
        path.start(torch.from_numpy(self.mean).float(), basis)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return it as plain arrays; see from_arrays."""
        return {
            "mean": self.mean,
            "basis": self.basis,
            "variances": self.variances,
            "num_blocks": np.array(self.num_blocks),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "LinearStart":
        """Return the start that to_arrays describes."""
        return cls(arrays["mean"], arrays["basis"], arrays["variances"], int(arrays["num_blocks"]))


ANY_START = LinearStart(np.zeros(256), np.eye(256), np.ones(256), num_blocks=256)
"""For timings and measurements of memory: neither depends on what is learnt."""
