"""Frames as CSV files, one folder at a time."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd


def csv_files(folder: str, frames: Mapping[str, pd.DataFrame]) -> dict[str, Callable[[Path], None]]:
    """Return what writes each frame as a file, by the file's name: FOLDER/NAME.csv."""
    return {f"{folder}/{name}.csv": partial(_write, frame) for name, frame in frames.items()}


def _write(frame: pd.DataFrame, path: Path) -> None:
    frame.to_csv(path, index=False)
