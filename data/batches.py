"""Batches of crops: what training iterates over, in NumPy.

Training crops are a pure function of (seed, epoch), so a resumed run needs only the epoch number.
Evaluation crops never change, whatever share of the training patches a trial sees.

Legend: B batch, c crop side, P patch side.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.dataset import PatchSet
from data.errors import DataError


@dataclass(frozen=True)
class TrainBatches:
    """Random crops with random flips.

    An epoch visits every patch (P // c)² times, each time at a new place, so that it covers as many
    pixels as the full patches. Batches are full; the rest of an epoch is left to the next one, and
    only an epoch smaller than a batch yields a short one. Flips, but no rotations: a radar looks
    from one side, and layover and shadow lie along its range direction.

    Attributes:
        patches: Where the crops are taken from.
        crop_px: Crop side c.
        batch_size: Crops per batch B.
        seed: With the epoch number, decides order, places and flips.
        augment: Whether crops are flipped.

    Raises:
        DataError: When the crop is larger than the patches or the batch is empty.
    """

    patches: PatchSet
    crop_px: int
    batch_size: int
    seed: int
    augment: bool = True

    def __post_init__(self) -> None:
        _check_sizes(self.patches, self.crop_px, self.batch_size)

    @property
    def num_crops(self) -> int:
        """Crops that an epoch draws."""
        return len(self.patches) * (self.patches.patch_px // self.crop_px) ** 2

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return max(1, self.num_crops // self.batch_size)

    def epoch(self, epoch: int) -> Iterator[NDArray[np.float32]]:
        """Draw the batches of an epoch.

        Args:
            epoch: Its number.

        Yields:
            (B, 1, c, c) values in [0, 1].
        """
        generator = np.random.default_rng([self.seed, epoch])
        order = generator.permutation(self.num_crops) % len(self.patches)
        slack_px = self.patches.patch_px - self.crop_px
        corners_px = generator.integers(0, slack_px + 1, (self.num_crops, 2))
        flips = generator.random((self.num_crops, 2)) < 0.5
        for number in range(self.num_batches):
            chosen = slice(number * self.batch_size, (number + 1) * self.batch_size)
            crops = self.patches.read_crops(order[chosen], corners_px[chosen], self.crop_px)
            if self.augment:
                _flip(crops, flips[chosen])
            yield crops[:, None]


@dataclass(frozen=True)
class EvalBatches:
    """The centre crops of patches spread evenly over a split; the same at every fidelity.

    Attributes:
        patches: Where the crops are taken from.
        crop_px: Crop side c.
        batch_size: Crops per batch B; the last one may be shorter.
        limit: Number of patches, None for all.

    Raises:
        DataError: When the crop is larger than the patches, or the batch or the limit is below 1.
    """

    patches: PatchSet
    crop_px: int
    batch_size: int
    limit: int | None = None

    def __post_init__(self) -> None:
        _check_sizes(self.patches, self.crop_px, self.batch_size)
        if self.limit is not None and self.limit < 1:
            raise DataError(f"an evaluation needs at least one image, found {self.limit}")

    @property
    def positions(self) -> NDArray[np.int64]:
        """Positions in `patches` of the images, in the order of the batches."""
        total = len(self.patches)
        count = min(total, self.limit or total)
        return np.arange(count, dtype=np.int64) * total // count

    @property
    def num_images(self) -> int:
        """Images that are scored."""
        return len(self.positions)

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return -(-self.num_images // self.batch_size)

    def epoch(self, epoch: int = 0) -> Iterator[NDArray[np.float32]]:  # noqa: ARG002 - same every time
        """Read the batches, the same ones whatever the epoch.

        Args:
            epoch: Its number; taken only so that both kinds of batches are called alike.

        Yields:
            (B, 1, c, c) values in [0, 1].
        """
        corner_px = (self.patches.patch_px - self.crop_px) // 2
        positions = self.positions
        for start in range(0, len(positions), self.batch_size):
            chosen = positions[start : start + self.batch_size]
            corners_px = np.full((len(chosen), 2), corner_px, np.int64)
            yield self.patches.read_crops(chosen, corners_px, self.crop_px)[:, None]


def _check_sizes(patches: PatchSet, crop_px: int, batch_size: int) -> None:
    if not 0 < crop_px <= patches.patch_px:
        raise DataError(
            f"a crop fits into a patch of {patches.patch_px} px, found {crop_px} px: take at "
            f"most {patches.patch_px} or prepare larger patches"
        )
    if batch_size < 1:
        raise DataError(f"a batch holds at least one crop, found {batch_size}")


def _flip(crops: NDArray[np.float32], flips: NDArray[np.bool_]) -> None:
    """Mirror the chosen crops in place: column 0 of `flips` upside down, column 1 left to right."""
    upside_down, left_right = flips.T
    crops[upside_down] = crops[upside_down, ::-1]
    crops[left_right] = crops[left_right, :, ::-1]
