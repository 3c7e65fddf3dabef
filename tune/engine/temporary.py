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
    death; they are ended.
    """
    for path in place.glob("sar-tune-*-*"):
        if _is_abandoned(path):
            end_left_over(path)
            shutil.rmtree(path, ignore_errors=True)  # it may be another user's


def end_left_over(session: Path) -> None:
    """Kill the processes of a session of Ray that are still alive.

    They are known by the temporary folder that they were given, or, because Ray renames processes
    and with that overwrites what they were given, by their open files.
    """
    end_processes(process for process in psutil.process_iter() if _is_of_ray(process, session))


def _is_abandoned(folder: Path) -> bool:
    """Return whether a driver made this folder and is dead."""
    pid = folder.name.split("-")[2]
    with suppress(OSError):  # another user's
        if (folder / ALIVE).exists():
            return not is_locked(folder / ALIVE)
    return pid.isdigit() and not psutil.pid_exists(int(pid))


def _is_of_ray(process: psutil.Process, session: Path) -> bool:
    """Return whether a process, other than this one, is of a session of Ray."""
    try:
        if process.pid == os.getpid():
            return False
        if process.environ().get("TMPDIR") == str(session):
            return True
        is_renamed = process.name().startswith(("ray::", "ray-dashboard"))
        return is_renamed and any(session in Path(one.path).parents for one in process.open_files())
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
