"""The lease of a trial: of several attempts at it, only the newest may write.

A worker that was given up may be alive: its node was cut off, or it only hung. Each time that a
trial is scheduled, that attempt has a higher number than all before it, and begins by taking the
lease: an empty place beside the checkpoint, `<trial>.<attempt>.lease`, which says who took it. The
number is in the name, so whatever order attempts come in, no lower one can replace a higher one,
and no lock is needed.

An outdated attempt finds its own lease gone. It cannot look and write in one step; what closes the
gap is that it writes drafts, then looks, then renames, while a newer attempt takes the lease, then
removes all drafts, then reads. A rename that comes too late finds its draft gone.
"""

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


class LeaseLostError(Exception):
    """A newer attempt at the trial has begun, or the trial has ended: this one must write nothing.

    It says nothing about the trial: whoever catches it reports no outcome.
    """


def take_lease(best: Path, attempt: int) -> None:
    """Begin an attempt: older ones can write nothing from now on.

    Args:
        best: The trial's best file; the lease lies beside it.
        attempt: The attempt's number; taking the same twice changes nothing.

    Raises:
        LeaseLostError: If a newer attempt has begun.
        OSError: If the folder cannot be written.
    """
    own = lease_file(best, attempt)
    with own.open("a", encoding="utf-8") as file, suppress(OSError):
        # For people; that the file is there is what counts, also on a full disk.
        file.write(f"process {os.getpid()} on {platform.node()}\n")
    leases = _numbered(best, ".lease")
    if any(number > attempt for number, _ in leases):
        own.unlink(missing_ok=True)
        raise lost_lease(best, attempt)
    _remove_older(leases, attempt)
    # Looked for only now: whoever found its lease until here had its drafts before.
    _remove_older(_numbered(best, ".draft"), attempt)


def check_lease(best: Path, attempt: int) -> None:
    """Go on only while an attempt is the newest.

    Opens the lease, which asks an NFS server whether it is still there; a mere look may not.

    Raises:
        LeaseLostError: If it is not.
    """
    try:
        lease_file(best, attempt).open("rb").close()
    except FileNotFoundError as error:
        raise lost_lease(best, attempt) from error


def move_draft(draft: Path, place: Path, best: Path, attempt: int) -> None:
    """Give a finished draft its name, which replaces what is there.

    Raises:
        LeaseLostError: If a newer attempt has removed the draft.
    """
    try:
        draft.replace(place)
    except FileNotFoundError:
        check_lease(best, attempt)
        # Still the newest: an NFS server that went down after renaming denies it when it is up
        # again (rename(2), BUGS).
        if not place.exists():
            raise


def attempts(best: Path) -> list[int]:
    """Return the attempts at a trial that have a lease, lowest first."""
    return sorted(number for number, _ in _numbered(best, ".lease"))


def lease_file(best: Path, attempt: int) -> Path:
    """Return the lease of an attempt."""
    return best.with_name(f"{best.stem}.{attempt}.lease")


def draft_file(place: Path, attempt: int) -> Path:
    """Return where an attempt writes a file before it gets its place."""
    return place.with_name(f"{place.stem}.{attempt}.draft")


def lost_lease(best: Path, attempt: int) -> LeaseLostError:
    """Return what an outdated attempt ends with."""
    return LeaseLostError(
        f"attempt {attempt} at {best.stem} is outdated: a newer one has begun, or the trial is over"
    )


def _remove_older(numbered: Iterable[tuple[int, Path]], attempt: int) -> None:
    for number, path in numbered:
        if number < attempt:
            path.unlink(missing_ok=True)


def _numbered(best: Path, suffix: str) -> list[tuple[int, Path]]:
    """Return a trial's files of a kind, each with the attempt that made it."""
    with os.scandir(best.parent) as entries:
        paths = [best.with_name(entry.name) for entry in entries if entry.name.endswith(suffix)]
    numbered = [(path.stem.rpartition("."), path) for path in paths]
    return [
        (int(number), path)
        for (start, _, number), path in numbered
        if number.isdigit() and (start == best.stem or start.startswith(f"{best.stem}."))
    ]
