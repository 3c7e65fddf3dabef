"""Reading codes from the array files of a corpus: positioned reads, few files open at a time."""

import os
import weakref
from collections import OrderedDict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError

# A process has about a thousand file descriptors; three sets (train, val, test) stay well below.
MAX_OPEN_ARRAYS = 128


class OpenArrays:
    """The array files that this process has open, at most `MAX_OPEN_ARRAYS`, oldest closed first.

    Reads name their place, so that a forked process cannot move its parent's. One thread reads.
    """

    def __init__(self) -> None:
        self._opened: OrderedDict[Path, tuple[int, int]] = OrderedDict()
        weakref.finalize(self, _close_all, self._opened)

    def __reduce__(self) -> tuple[type["OpenArrays"], tuple[()]]:
        return (OpenArrays, ())

    def announce(self, path: Path, start: int, num_bytes: int) -> None:
        """Ask the system to fetch bytes that will be read soon (15 times faster on a cold disk)."""
        if hasattr(os, "posix_fadvise"):  # macOS has none, and reads the same bytes without it
            descriptor, offset = self._open(path)
            os.posix_fadvise(descriptor, offset + start, num_bytes, os.POSIX_FADV_WILLNEED)

    def read_into(self, buffer: NDArray[np.uint16], path: Path, start: int) -> None:
        """Fill `buffer` from the codes of a file, `start` bytes after the first."""
        descriptor, offset = self._open(path)
        found = os.preadv(descriptor, [buffer.data], offset + start)
        if found != buffer.nbytes:
            raise DataError(
                f"a corpus must be complete, and {path.name} ends {buffer.nbytes - found} bytes "
                "too early: prepare the corpus again into another folder"
            )

    def _open(self, path: Path) -> tuple[int, int]:
        opened = self._opened.pop(path, None)
        if opened is None:
            if len(self._opened) >= MAX_OPEN_ARRAYS:
                os.close(self._opened.popitem(last=False)[1][0])
            opened = (os.open(path, os.O_RDONLY), find_data(path))
        self._opened[path] = opened
        return opened


def _close_all(opened: dict[Path, tuple[int, int]]) -> None:
    for descriptor, _ in opened.values():
        os.close(descriptor)


def find_data(path: Path) -> int:
    """Give the byte at which the data of an .npy file start."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        return file.tell()
