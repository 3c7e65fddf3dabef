"""One driver per study: a lock that its holder's death releases.

The lock is the kernel's (`flock`), so there is nothing to clean up after a crash; the file beside
it only says who holds it, or who died holding it. Some file systems refuse such locks, others
grant one to everybody: where they do, two drivers would write one journal, so none may.
"""

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tune.errors import UsageError


@dataclass(frozen=True)
class Owner:
    """Who holds a study's lock, or died holding it."""

    pid: int
    host: str
    since: str

    @property
    def words(self) -> str:
        """Process, machine and age, in words."""
        age = datetime.now(UTC) - datetime.fromisoformat(self.since)
        age -= timedelta(microseconds=age.microseconds)
        return f"process {self.pid} on {self.host}, for {max(age, timedelta())}"


@contextmanager
def study_lock(path: Path) -> Iterator[Owner | None]:
    """Hold the lock of a study; yield the owner who died holding it, or None.

    Args:
        path: The lock's file; it is empty while nobody holds the lock.

    Raises:
        UsageError: If another process holds it, or locks do not work there.
    """
    check_locks(path, str(path.parent.parent))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(_refusal(path)) from error
        before = file.read()  # not by another opening: on SMB a lock keeps that out too
        dead = _owner_in(before)
        _write(file.fileno(), json.dumps(asdict(_this_process())))
        try:
            yield dead
        except UsageError:
            _write(file.fileno(), before)  # refused: nothing was done, nothing is changed
            raise
        # After any other exception the owner stays: it has died, and not everything is written.
        _write(file.fileno(), "")


def read_owner(path: Path) -> Owner | None:
    """Return who holds a lock or died holding it; None if it was released or cannot be told."""
    try:
        return _owner_in(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_locked(path: Path) -> bool:
    """Return whether a living process holds a lock; leaves it as it is."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False  # where locks do not work, nobody drives a study
    return False


def check_locks(path: Path, results: str) -> None:
    """Refuse a study where a lock would keep nobody out.

    Args:
        path: Its lock's file, in an existing folder; made if absent.
        results: Its results folder, as a person gave it.

    Raises:
        UsageError: If locks are not supported there, or do not exclude.
    """
    if (fault := lock_fault(path)) is not None:
        raise UsageError(
            f"a results folder must have file locks that work, found {results!r} where {fault}: "
            "mount it with locks, or choose another with --results"
        )


def lock_fault(path: Path) -> str | None:
    """Return why a lock on a file would keep nobody out; None if it would.

    A lock belongs to one opening of a file, so a second opening in this process is refused as
    another process is. One that is held already works.

    Args:
        path: The file, in an existing folder; made if absent.
    """
    with path.open("ab") as first, path.open("ab") as second:
        try:
            fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        except OSError as error:
            return f"they are refused ({error.strerror or error})"
    return "two holders have one lock"


def _owner_in(text: str) -> Owner | None:
    try:
        return Owner(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _this_process() -> Owner:
    return Owner(os.getpid(), platform.node(), datetime.now(UTC).isoformat(timespec="seconds"))


def _refusal(path: Path) -> str:
    owner = read_owner(path)
    holder = "another process" if owner is None else owner.words
    return (
        f"a study has one driver at a time, found {path.parent.name!r} held by {holder}: "
        "wait for it, end it, or start another study with --new"
    )


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
