"""A small picture of an image, to see at a glance whether it was read right."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.calibration import HIGH_PERCENTILE, LOW_PERCENTILE, codes_to_db, encode
from data.scenes import open_rows
from data.sources import Source

MAX_SIDE_PX = 512
ROWS_AT_A_TIME = 256


def write_quicklook(source: Source, folder: Path) -> Path:
    """Write a greyscale PNG from the 1st to the 99th percentile in dB; return its path.

    Every n-th pixel of every n-th row is shown, so that speckle stays; invalid ones are black.
    """
    from PIL import Image

    path = folder / f"{source.scene}_{source.polarisation}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(to_grey(read_every_nth(source))).save(path)
    return path


def read_every_nth(source: Source) -> NDArray[np.float32]:
    """Return an image in dB of at most MAX_SIDE_PX; NaN where it is invalid."""
    facts = source.facts
    step = max(1, -(-max(facts.height_px, facts.width_px) // MAX_SIDE_PX))
    rows = []
    with open_rows(source.path, source.band) as read_rows:
        for start in range(0, facts.height_px, ROWS_AT_A_TIME * step):
            block = read_rows(start, min(start + ROWS_AT_A_TIME * step, facts.height_px))
            valid = None if block.valid is None else block.valid[::step, ::step]
            rows.append(
                encode(
                    np.ascontiguousarray(block.values[::step, ::step]),
                    source.units,
                    valid=valid,
                    full_scale=facts.full_scale,
                )
            )
    return codes_to_db(np.concatenate(rows))


def to_grey(value_db: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return grey values from 1 to 255 between both percentiles; 0 where a pixel is invalid."""
    valid = np.isfinite(value_db)
    if not valid.any():
        return np.zeros(value_db.shape, np.uint8)
    low_db, high_db = np.percentile(value_db[valid], [LOW_PERCENTILE, HIGH_PERCENTILE])
    shares = (np.where(valid, value_db, low_db) - low_db) / max(high_db - low_db, 1e-6)
    grey = 1 + np.rint(254 * shares.clip(0, 1)).astype(np.uint8)
    return np.where(valid, grey, 0).astype(np.uint8)
