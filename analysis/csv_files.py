"""Frames as CSV files, one folder at a time."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd


def write_csvs(folder: Path, frames: Mapping[str, pd.DataFrame]) -> int:
    """Make a folder hold exactly these frames as NAME.csv, and return their number.

    CSV files of an earlier time in it are removed; other files stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.csv"):
        old.unlink()
    for name, frame in frames.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return len(frames)
