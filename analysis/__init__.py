"""From Parquet tables to the report. Sees only the pure rooms of `tune`; never torch or ray."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.frames import Frames

__all__ = ["load"]


def load(results: Path | str = "ray_results") -> "Frames":
    """Return all tables of a results folder as tidy frames: `analysis.frames.load`."""
    from analysis.frames import load as load_frames  # pandas: not before it is asked for

    return load_frames(results)
