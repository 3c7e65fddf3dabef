"""The block KLT of a corpus, which every linear path starts from: fitted once, kept beside it.

The file carries the fingerprint of the split in its name: another split has other training patches.
Where the corpus folder cannot be written, every process fits its own; the result is the same.
"""

import os
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models.coding.linear import BLOCK_SIZE, fit_block_klt

if TYPE_CHECKING:
    from models.training.linear_start import LinearStart

MAX_FIT_PATCHES = 400
"""Training patches that the KLT is fitted on: at 256 px, 100,000 blocks for 256 coefficients."""


def start_file(folder: Path, split_fingerprint: str) -> Path:
    """Return where the start of a split's linear paths is kept."""
    return folder / f"klt_{split_fingerprint}.npz"


@lru_cache(maxsize=4)
def linear_start(folder: Path, split_fingerprint: str) -> "LinearStart":
    """Return what linear paths start from on the corpus in a folder; fit it if nobody has.

    Raises:
        DataError: If there is no readable corpus with training patches.
    """
    path = start_file(folder, split_fingerprint)
    known = _read(path)
    if known is not None:
        return known
    start = _fit(folder)
    _write(path, start)
    return start


def _fit(folder: Path) -> "LinearStart":
    from data.dataset import Corpus
    from models.training.linear_start import LinearStart

    train = Corpus.open(folder).patches("train")
    positions = np.linspace(0, len(train) - 1, min(len(train), MAX_FIT_PATCHES)).astype(np.int64)
    patches = train.read(positions)
    klt = fit_block_klt(patches, BLOCK_SIZE)
    return LinearStart(klt.mean, klt.basis, klt.variances, patches.size // BLOCK_SIZE)


def _read(path: Path) -> "LinearStart | None":
    """Return what a file holds; None where there is none, or a damaged one."""
    from models.training.linear_start import LinearStart

    try:
        # A file that is opened here is closed here, also where it is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return LinearStart.from_arrays(arrays)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, start: "LinearStart") -> None:
    """Write the file as a whole; a folder that cannot be written costs a fit per process."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except OSError:
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez(file, **start.to_arrays())  # type: ignore[arg-type]  # numpy's stub
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
