"""`--stage`: a corpus is copied once into a node's scratch folder, where nodes share no path.

    <scratch>/sar-tune-corpora/<fingerprint>         the whole corpus
    <scratch>/sar-tune-corpora/<fingerprint>.draft   what has arrived so far; a later copy continues
    <scratch>/sar-tune-corpora/<fingerprint>.lock    held by the process that copies

A corpus is known by its fingerprint: whatever study needs it finds it, and nothing is copied twice.
How bytes travel is the caller's: a node asks for parts of files and the driver reads them.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data.dataset import INDEX_FILE, Corpus
from data.errors import DataError
from data.info import INFO_FILE
from tune.config.rules import check_same_corpus
from tune.errors import UsageError, is_disk_full
from tune.trial.linear_start import start_file
from tune.trial.passing_folder import OF_TRIAL, make_passing_folder

CORPORA = "sar-tune-corpora"
PART_BYTES = 8 * 2**20
"""What is asked for at a time, from a multiple of it on: few questions, little memory."""

ReadPart = Callable[[str, int, int], bytes]
"""Takes a file's name in the corpus, an offset and a length in bytes; returns that part."""


@dataclass(frozen=True)
class CorpusFile:
    """One file of a corpus.

    Attributes:
        name: Its path below the corpus folder.
        num_bytes: Its size.
        sha256: Of its content, as hex digits.
    """

    name: str
    num_bytes: int
    sha256: str


@dataclass(frozen=True)
class CorpusFiles:
    """What there is to copy.

    Attributes:
        corpus_fingerprint: Of the corpus.
        split_fingerprint: Of its split.
        files: Everything that a training reads.
    """

    corpus_fingerprint: str
    split_fingerprint: str
    files: tuple[CorpusFile, ...]

    @property
    def num_bytes(self) -> int:
        """Size of all files."""
        return sum(file.num_bytes for file in self.files)


def list_corpus(folder: Path) -> CorpusFiles:
    """Return what there is to copy of the driver's corpus; reads every byte of it once.

    Raises:
        DataError: If there is no readable corpus.
    """
    corpus = Corpus.open(folder)
    files = tuple(_describe(folder, name) for name in _names(corpus))
    return CorpusFiles(corpus.info.fingerprint, corpus.info.split_fingerprint, files)


def corpus_mib(corpus: Corpus) -> float:
    """Return how much there is to copy of a corpus; reads none of it."""
    return sum((corpus.path / name).stat().st_size for name in _names(corpus)) / 2**20


def read_part(folder: Path, name: str, offset: int, length: int) -> bytes:
    """Return a part of a file of the driver's corpus; shorter where the file ends."""
    with (folder / name).open("rb") as file:
        file.seek(offset)
        return file.read(length)


def staged_folder(scratch: Path, corpus_fingerprint: str) -> Path:
    """Return where a corpus lies in a node's scratch folder."""
    return scratch / CORPORA / corpus_fingerprint


def is_staged(scratch: Path, corpus_fingerprint: str, split_fingerprint: str) -> bool:
    """Return whether a node has a corpus whole in its scratch folder."""
    place = staged_folder(scratch, corpus_fingerprint)
    return _is_corpus(place, corpus_fingerprint, split_fingerprint)


def find_corpus(
    given: Path, scratch: Path, corpus_fingerprint: str, split_fingerprint: str
) -> Path | None:
    """Return where a node has a corpus; None if it has to be copied. To be called on that node.

    Args:
        given: The driver's corpus folder, which a node may see all the same.
        scratch: The node's scratch folder.
        corpus_fingerprint: Of the corpus.
        split_fingerprint: Of its split.
    """
    for place in (given, staged_folder(scratch, corpus_fingerprint)):
        if _is_corpus(place, corpus_fingerprint, split_fingerprint):
            return place
    return None


def check_scratch(scratch: Path, node: str) -> None:
    """Make a node's scratch folder, and sure that trials can write there; to be called there.

    What killed workers left there of their trials is removed.

    Raises:
        UsageError: If they cannot.
    """
    try:
        scratch.mkdir(parents=True, exist_ok=True)
        make_passing_folder(scratch, OF_TRIAL).rmdir()
    except OSError as error:
        raise _unwritable(scratch, node, error) from error


def stage_corpus(corpus: CorpusFiles, scratch: Path, read: ReadPart, node: str) -> Path:
    """Copy a corpus into a node's scratch folder unless it is there; to be called on that node.

    A copy that was broken off is continued. Of several processes one copies, the others wait.

    Args:
        corpus: What there is to copy.
        scratch: The node's scratch folder, made if absent.
        read: Returns parts of the driver's files.
        node: The node's name, for a person.

    Returns:
        The corpus folder there.

    Raises:
        UsageError: If the folder has no room or cannot be written, or what arrives is not what was
            listed.
    """
    place = staged_folder(scratch, corpus.corpus_fingerprint)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(place.with_name(f"{place.name}.lock")):
            if not is_staged(scratch, corpus.corpus_fingerprint, corpus.split_fingerprint):
                _copy(corpus, place, read, node)
    except OSError as error:
        raise _unwritable(scratch, node, error) from error
    return place


def _copy(corpus: CorpusFiles, place: Path, read: ReadPart, node: str) -> None:
    """Bring a draft to the end, look at it as a whole, and give it its place."""
    draft = place.with_name(f"{place.name}.draft")
    draft.mkdir(exist_ok=True)
    _check_room(corpus, draft, node)
    for file in corpus.files:
        target = draft / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _fetch(file, target, read) and not _fetch(file, target, read):
            raise UsageError(
                f"a corpus must arrive as it was listed, found other content in {file.name} on "
                f"node {node} twice: leave the corpus as it is while it is copied, and look at "
                "the node's disk and network"
            )
    check_same_corpus(
        corpus.corpus_fingerprint,
        corpus.split_fingerprint,
        Corpus.open(draft).info.stamp,
        str(draft),
        who=f"the copy on node {node}",
        next_step="remove it and start again",
    )
    shutil.rmtree(place, ignore_errors=True)  # only there if it is damaged
    draft.rename(place)


def _fetch(file: CorpusFile, target: Path, read: ReadPart) -> bool:
    """Complete one file; return whether it is the one listed. Another one is removed."""
    digest = hashlib.sha256()
    with target.open("ab+") as copy:
        if copy.tell() < file.num_bytes:
            copy.truncate(copy.tell() // PART_BYTES * PART_BYTES)
        copy.seek(0)
        while part := copy.read(PART_BYTES):
            digest.update(part)
        while (offset := copy.tell()) < file.num_bytes:
            part = _ask(file, offset, read)
            digest.update(part)
            copy.write(part)
        copy.flush()
        os.fsync(copy.fileno())
    if target.stat().st_size == file.num_bytes and digest.hexdigest() == file.sha256:
        return True
    target.unlink()
    return False


def _ask(file: CorpusFile, offset: int, read: ReadPart) -> bytes:
    length = min(PART_BYTES, file.num_bytes - offset)
    try:
        part = read(file.name, offset, length)
    except OSError as error:
        raise _changed(file, f"it cannot be read ({error.strerror or error})") from error
    if len(part) != length:
        raise _changed(file, f"{len(part)} of {length} bytes at {offset}")
    return part


def _changed(file: CorpusFile, found: str) -> UsageError:
    return UsageError(
        f"a corpus must stay as it is while it is copied, found of {file.name} that {found}: "
        "start again"
    )


def _check_room(corpus: CorpusFiles, draft: Path, node: str) -> None:
    """Refuse to begin what would not fit."""
    present = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
    needed_mib = max(0, corpus.num_bytes - present) / 2**20
    free_mib = shutil.disk_usage(draft).free / 2**20
    if needed_mib > free_mib:
        raise UsageError(
            f"a node's scratch folder must have room for the corpus, {needed_mib:.0f} MiB, found "
            f"{free_mib:.0f} MiB free in {str(draft.parent.parent)!r} on node {node}: free some, "
            "or choose another"
        )


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Wait until no other process of this node holds a lock, and hold it."""
    with lock.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _unwritable(scratch: Path, node: str, error: OSError) -> UsageError:
    reason = "no space left" if is_disk_full(error) else error.strerror or str(error)
    return UsageError(
        f"a node's scratch folder must be writable, found {str(scratch)!r} on node {node} "
        f"({reason}): choose another, or free space"
    )


def _is_corpus(place: Path, corpus_fingerprint: str, split_fingerprint: str) -> bool:
    try:
        stamp = Corpus.open(place).info.stamp
    except (DataError, OSError):
        return False
    found = (stamp.corpus_fingerprint, stamp.split_fingerprint)
    return found == (corpus_fingerprint, split_fingerprint)


def _names(corpus: Corpus) -> list[str]:
    """Return the files that a training reads, as paths below the corpus folder."""
    start = start_file(corpus.path, corpus.info.split_fingerprint)
    names = [INFO_FILE, INDEX_FILE, *sorted(map(str, corpus.index["array"].unique()))]
    return names + ([start.name] if start.exists() else [])


def _describe(folder: Path, name: str) -> CorpusFile:
    path = folder / name
    with path.open("rb") as file:
        return CorpusFile(
            name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
        )
