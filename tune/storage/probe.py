"""Whether a node sees the driver's files: asked of every node before a study starts.

The driver opens a probe, a hidden folder of the results with one file in it. Each node looks: it
reads that file, and writes one of its own as checkpoints are written. The driver reads what every
node says it wrote. Whoever fails is told apart by a sentence.

An NFS client remembers for up to a minute what it did not find. So every probe has names that were
never looked for before, a node names its own file, and nobody lists a folder.
"""

import fcntl
import os
import platform
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote

from tune.errors import UsageError
from tune.storage.folder import make_folders, remove_empty, unwritable
from tune.trial.passing_folder import make_passing_folder

PROBE = "probe"
CONTENT_BYTES = 32


@dataclass(frozen=True)
class Probe:
    """What a node is told.

    Attributes:
        results: The results folder, as an absolute path.
        folder: Name of the probe's folder in it.
        content: What the driver's file holds, as hex digits.
    """

    results: str
    folder: str
    content: str

    @property
    def path(self) -> Path:
        """The probe's folder."""
        return Path(self.results) / self.folder

    @property
    def driver_file(self) -> Path:
        """What the driver wrote."""
        return self.path / "driver"

    @property
    def locked_file(self) -> Path:
        """An empty file that the driver holds a lock on; on SMB nobody else can read such a one."""
        return self.path / "locked"


@dataclass(frozen=True)
class Seen:
    """What a node found.

    Attributes:
        node: Its name, for a person.
        fault: What is wrong with the results folder there, in words; None if nothing is.
        file: Name of the file that the node wrote in the probe's folder; None if it wrote none.
        content: What it wrote, as hex digits.
        locks_cross: Whether a lock that the driver holds keeps the node out; None if that could
            not be tried. Only the driver locks, so this is for a person to know.
        free_mib: Space left in the results folder; None where there is no such folder.
        at_s: When the node looked, in seconds of its own clock.
    """

    node: str
    fault: str | None
    file: str | None
    content: str
    locks_cross: bool | None
    free_mib: float | None
    at_s: float


@contextmanager
def open_probe(results: str) -> Iterator[Probe]:
    """Prepare a results folder for nodes to look at; leave nothing of it behind.

    Args:
        results: The results folder, made if absent, and removed again while it is empty.

    Raises:
        UsageError: If the driver itself cannot write there.
    """
    place = Path(results).absolute()  # a node has the name, not what links on the driver make of it
    try:
        made = make_folders(place)
        folder = make_passing_folder(place, PROBE)
    except OSError as error:
        raise unwritable(results, error.strerror or str(error)) from error
    try:
        # Open to whom a study's folder is open: a node may run as somebody else.
        folder.chmod(0o755)
        probe = Probe(str(place), f"{folder.name}/files", secrets.token_hex(CONTENT_BYTES))
        probe.path.mkdir()
        _write(probe.driver_file, probe.content)
        with probe.locked_file.open("ab") as file:
            with suppress(OSError):  # where locks are refused, nodes find that too
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield probe
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        remove_empty(made)


def look(probe: Probe, node: str = "") -> Seen:
    """Return what a node finds of a probe; to be called there.

    Writes only into a folder that it has recognised as the driver's.

    Args:
        probe: What the driver prepared.
        node: The node's name, for a person; its host's if empty.
    """
    seen = Seen(node or platform.node(), None, None, "", None, None, time.time())
    if (fault := _reading_fault(probe)) is not None:
        return replace(seen, fault=fault)
    name, content = f"node_{secrets.token_hex(8)}", secrets.token_hex(CONTENT_BYTES)
    seen = replace(
        seen,
        locks_cross=_is_kept_out(probe.locked_file),
        free_mib=shutil.disk_usage(probe.results).free / 2**20,
    )
    try:
        _write(probe.path / name, content)
    except OSError as error:
        return replace(seen, fault=f"cannot be written ({error.strerror or error})")
    return replace(seen, file=name, content=content)


def compare(probe: Probe, seen: Seen) -> Seen:
    """Return what a node found, with what the driver finds of it; while the probe is open."""
    if seen.file is None:
        return seen
    try:
        is_same = (probe.path / seen.file).read_text(encoding="ascii") == seen.content
    except (OSError, ValueError):
        is_same = False
    if is_same:
        return seen
    return replace(seen, fault="keeps what is written there to itself")


def refusal(probe: Probe, seen: Seen) -> str | None:
    """Return the sentence about a node that cannot work on the study; None if it can."""
    if seen.fault is None:
        return None
    return (
        "every node must have the driver's results folder, found that "
        f"{probe.results!r} on node {seen.node} {seen.fault}: mount the driver's there, choose one "
        "that all nodes share with --results, or let files travel with --stage"
    )


def corpus_refusal(
    path: str, corpus_fingerprint: str, split_fingerprint: str, node: str, driver: str
) -> str | None:
    """Return the sentence about a node that has not the study's corpus; None if it has.

    To be called there.

    Args:
        path: The corpus folder, as an absolute path.
        corpus_fingerprint: Of the corpus that the study is planned on.
        split_fingerprint: Likewise of its split.
        node: The node's name, for a person.
        driver: The driver's host, which it can be copied from.
    """
    from data.dataset import Corpus
    from data.errors import DataError
    from tune.config.rules import check_same_corpus

    source, place = quote(f"{driver}:{path}/"), quote(f"{path}/")
    next_step = f"there, `rsync -a {source} {place}` copies it, or use --stage"
    try:
        stamp = Corpus.open(path).info.stamp
    except (DataError, OSError) as error:
        found = str(error).partition(": ")[0]
        return (
            f"every node must have the study's corpus, found on node {node} that {found}: "
            f"{next_step}"
        )
    try:
        check_same_corpus(
            corpus_fingerprint,
            split_fingerprint,
            stamp,
            path,
            who=f"on node {node} a study",
            next_step=next_step,
        )
    except UsageError as error:
        return str(error)
    return None


def clock_difference_s(asked_s: float, seen_s: float, answered_s: float) -> float:
    """Return how far a node's clock is ahead of the driver's at least; negative where it is behind.

    The node looked at some moment between question and answer, so less cannot be told.

    Args:
        asked_s: When the driver asked, by its own clock.
        seen_s: When the node looked, by its own.
        answered_s: When the driver had the answer, by its own.

    >>> clock_difference_s(10.0, 10.5, 11.0), clock_difference_s(10.0, 13.0, 11.0)
    (0.0, 2.0)
    """
    return max(0.0, seen_s - answered_s) + min(0.0, seen_s - asked_s)


def _reading_fault(probe: Probe) -> str | None:
    """Return why a node does not see the driver's file; None if it does."""
    results = Path(probe.results)
    try:
        if not results.exists() and not _exists_now(results):
            return "does not exist"
        if not results.is_dir():
            return "is a file"
        if probe.driver_file.read_text(encoding="ascii") == probe.content:
            return None
    except FileNotFoundError:
        return "is another folder"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    except ValueError:
        pass
    return "is read there with other content than the driver wrote"


def _exists_now(path: Path) -> bool:
    """Return whether something exists, asking an NFS server where it was missing a minute ago.

    Opening a folder makes an NFS client look whether it has changed; only then is forgotten what
    was not in it. From the top down, because the folders above may be new as well.
    """
    for folder in reversed(path.parents):
        with suppress(OSError):
            os.scandir(folder).close()
    return path.exists()


def _is_kept_out(path: Path) -> bool | None:
    """Return whether somebody's lock on a file is seen; None if locks are refused."""
    try:
        with path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def _write(path: Path, content: str) -> None:
    """Write a file as checkpoints are written: beside its place, to the disk, then renamed."""
    draft = path.with_suffix(".draft")
    with draft.open("x", encoding="ascii") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
