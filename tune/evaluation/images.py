"""The frozen images of a split, with what a row of a table says about each of them.

The crops are those of `data.batches.EvalBatches`: the same ones at every fidelity, so that runs and
codecs pair by image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.batches import EvalBatches
from data.dataset import Corpus

READ_BATCH = 64


@dataclass(frozen=True)
class ImageSet:
    """Images of one split.

    Attributes:
        pixels: (N, 1, c, c) values in [0, 1].
        names: Scene, polarisation, row and column of the patch that each was cut from.
        facts: Of each image: image, scene, group, polarisation, crop_px, low_db, high_db.
    """

    pixels: NDArray[np.float32]
    names: tuple[str, ...]
    facts: Sequence[Mapping[str, Any]]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def num_pixels(self) -> int:
        """Pixels of one image."""
        return int(self.pixels.shape[-1] * self.pixels.shape[-2])


def read_images(corpus: Corpus, split: str, crop_px: int, limit: int | None) -> ImageSet:
    """Read the frozen images of a split.

    Args:
        corpus: Where from.
        split: "val" or "test".
        crop_px: Side c of the centre crops.
        limit: Number of images, spread evenly over the split; None for all.

    Raises:
        DataError: If the split has no patches, or the crop does not fit.
    """
    patches = corpus.patches(split)
    batches = EvalBatches(patches, crop_px, READ_BATCH, limit)
    positions = batches.positions
    ids = patches.image_ids()
    index = corpus.index[corpus.index["split"] == split].iloc[positions]
    names = tuple(ids[position] for position in positions)
    facts = [
        {
            "image": name,
            "scene": str(row["scene"]),
            "group": str(row["group"]),
            "polarisation": str(row["polarisation"]).upper(),
            "crop_px": crop_px,
            "low_db": float(patches.low_db[position]),
            "high_db": float(patches.low_db[position] + patches.range_db[position]),
        }
        for name, row, position in zip(names, index.to_dict("records"), positions, strict=True)
    ]
    return ImageSet(np.concatenate(list(batches.epoch())), names, facts)
