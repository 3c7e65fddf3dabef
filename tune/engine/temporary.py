"""Temporary folders of a driver, and what killed drivers have left behind."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tune.storage.lock import is_locked

ALIVE = "alive"
"""File in a temporary folder that its driver keeps locked."""


def temporary_prefix(pid: int) -> str:
    """Return how the names of a driver's temporary folders begin."""
    return f"sar-tune-{pid}-"


@contextmanager
def temporary_folder(place: Path) -> Iterator[Path]:
    """Make a temporary folder of this driver; it goes away at the end.

    It is locked while its driver lives, because the number of a killed process is soon another's,
    and gets its name when it is locked, so that nobody sweeps it before.
    """
    draft = Path(tempfile.mkdtemp(prefix=f".{temporary_prefix(os.getpid())}", dir=place))
    folder = place / draft.name.removeprefix(".")
    try:
        with (draft / ALIVE).open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            draft.rename(folder)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep_temporary(place: Path) -> None:
    """Remove the temporary folders of drivers that were killed before they could.

    Two of Ray's processes outlive a killed driver by a minute, in which they try to report its
    death; they are ended. They are known by their open files, because Ray renames its processes.
    """
    for path in place.glob("sar-tune-*-*"):
        if _is_abandoned(path):
            end_processes(process for process in psutil.process_iter() if _is_of_ray(process, path))
            shutil.rmtree(path, ignore_errors=True)  # it may be another user's


def _is_abandoned(folder: Path) -> bool:
    """Return whether a driver made this folder and is dead."""
    pid = folder.name.split("-")[2]
    with suppress(OSError):  # another user's
        if (folder / ALIVE).exists():
            return not is_locked(folder / ALIVE)
    return pid.isdigit() and not psutil.pid_exists(int(pid))


def _is_of_ray(process: psutil.Process, session: Path) -> bool:
    """Return whether a process is one of Ray's that writes below a folder."""
    try:
        if not process.name().startswith("ray::"):
            return False
        return any(session in Path(file.path).parents for file in process.open_files())
    except psutil.Error:
        return False


def end_processes(processes: Iterable[psutil.Process]) -> None:
    """Kill processes; one that has ended already, or is another user's, is left alone."""
    killed = []
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
            killed.append(process)
    psutil.wait_procs(killed, timeout=5)
