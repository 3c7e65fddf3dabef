"""From Parquet tables to the report. Sees only the pure rooms of `tune`; never torch or ray."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

# Ours, whatever else is called so where a command is started; it sees to the other packages.
sys.path.insert(0, str(Path(__file__).parent.parent))
import tune  # noqa: F401

del sys.path[0]

if TYPE_CHECKING:
    from analysis.frames import Frames

__all__ = ["load"]


def load(results: Path | str = "ray_results") -> "Frames":
    """Return all tables of a results folder as tidy frames: `analysis.frames.load`."""
    from analysis.frames import load as load_frames  # pandas: not before it is asked for

    return load_frames(results)
