"""Where Ray's Unix sockets fit: a socket's whole path ends at 107 bytes."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from tune.engine.temporary import temporary_prefix
from tune.errors import UsageError

MAX_SOCKET_BYTES = 107
"""The 108 bytes of a socket's address on Linux, less the zero at its end (man 7 unix)."""

LONGEST_SOCKET = "dash_MetricsHead"
"""The longest name of a socket in a session of Ray: one process of its dashboard."""

SHORT_PLACES = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))
"""Where sockets may lie when the usual temporary folder is too deep."""


def socket_place(places: Iterable[Path], pid: int) -> Path:
    """Return the first folder in which the sockets of a driver fit and files can be made.

    Args:
        places: Temporary folders, the usual one first.
        pid: The driver's process number, which is in the path twice.

    Raises:
        UsageError: If there is none.
    """
    tried = []
    for place in dict.fromkeys(places):
        num_bytes = longest_path_bytes(place, pid)
        if num_bytes > MAX_SOCKET_BYTES:
            tried.append(f"{place} ({num_bytes - MAX_SOCKET_BYTES} bytes too long)")
        elif not os.access(place, os.W_OK | os.X_OK):
            tried.append(f"{place} (cannot be written)")
        else:
            return place
    raise UsageError(
        f"Ray's sockets need a temporary folder with a short path, found {', '.join(tried)}: "
        "set TMPDIR to one"
    )


def longest_path_bytes(place: Path, pid: int) -> int:
    """Return the bytes of the longest path that Ray binds a socket to below a folder.

    >>> longest_path_bytes(Path("/tmp"), 1234567)
    95
    """
    folder = f"{temporary_prefix(pid)}{'x' * 8}"
    session = f"session_{datetime.min:%Y-%m-%d_%H-%M-%S_%f}_{pid}"
    return len(os.fsencode(place / folder / session / "sockets" / LONGEST_SOCKET))
