"""Finds the files below what a user gives, links and archives included; nothing gets lost.

A file that is no image, or that only accompanies one, is left out with its reason, so that what is
used and what is left out add up to what is there.
"""

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

from data.errors import DataError
from data.products import (
    AUXILIARY_FOLDERS,
    PRODUCT_FOLDERS,
    auxiliary_word,
    read_product,
)
from data.scenes import SCENE_SUFFIXES
from data.text import as_text

ARCHIVE_SUFFIX = ".zip"
VSIZIP = "/vsizip/"
"""How GDAL names a file inside an archive."""


@dataclass(frozen=True)
class File:
    """A file that may be an image.

    Attributes:
        path: Where it lies; inside an archive as GDAL names it.
        name: Its path below the given folder, with forward slashes, as text.
        folder: Name of the given folder, as text.
    """

    path: Path
    name: str
    folder: str


@dataclass(frozen=True)
class LeftOut:
    """A file that is not used.

    Attributes:
        name: Its path below the given folder.
        reason: Why, in words that follow "left out".
    """

    name: str
    reason: str


def is_safe_product(name: str) -> bool:
    """Say whether a folder name is that of a Sentinel-1 product."""
    return name.upper().endswith(".SAFE")


def find_files(root: Path, *, is_only: bool) -> Iterator[File | LeftOut]:
    """Yield every file below one root, by name, as one to read or as one that is left out.

    Raises:
        DataError: If the root does not exist, or is a file of another type.
    """
    if not root.exists():
        raise DataError(f"scenes must exist, and {root} does not: check the path")
    for found in _find_files(root, is_only=is_only):
        named = replace(found, name=as_text(found.name))
        yield replace(named, folder=as_text(named.folder)) if isinstance(named, File) else named


def _find_files(root: Path, *, is_only: bool) -> Iterator[File | LeftOut]:
    if root.is_file():
        yield from _find_single(root)
        return
    root = root.resolve()
    # The product's own name carries orbit and type, so it stays part of the name.
    base = root.parent if not is_only or is_safe_product(root.name) else root
    found = ((path, PurePosixPath(path.relative_to(base).as_posix())) for path in _walk(root))
    for path, name in sorted(found, key=lambda pair: pair[1].as_posix()):
        if path.suffix.lower() == ARCHIVE_SUFFIX:
            yield from _find_in_archive(path, name, root.name)
        else:
            yield _sort_out(path, name, root.name)


def open_size(path: Path) -> int:
    """Return the bytes of a file, of one inside an archive when unpacked."""
    archive, member = split_archive(path)
    if archive is None:
        return path.stat().st_size
    with zipfile.ZipFile(archive) as opened:
        return opened.getinfo(member).file_size


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, one inside an archive too."""
    archive, member = split_archive(path)
    if archive is None:
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(archive) as opened, opened.open(member) as file:
        yield file


def split_archive(path: Path) -> tuple[Path | None, str]:
    """Return the archive of a file and its name inside; None and "" for a plain file."""
    text = path.as_posix()
    if not text.startswith(VSIZIP):
        return None, ""
    archive, member = text.removeprefix(VSIZIP)[1:].split("}/", 1)
    return Path(archive), member


def _find_single(root: Path) -> Iterator[File | LeftOut]:
    suffix = root.suffix.lower()
    if suffix == ARCHIVE_SUFFIX:
        yield from _find_in_archive(root.resolve(), PurePosixPath(root.name), root.parent.name)
    elif suffix not in SCENE_SUFFIXES:
        raise DataError(
            f"scenes are files of the types {', '.join(SCENE_SUFFIXES)}, and {root.name} is "
            "none of them: convert it, for example to GeoTIFF"
        )
    else:
        resolved = root.absolute()
        yield File(resolved, root.name, resolved.parent.name)


def _walk(root: Path) -> Iterator[Path]:
    """Yield all files below a folder, through links to folders too, each folder once."""
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to where the walk has been
            folders.clear()
            continue
        seen.add(real)
        folders.sort()
        for file in files:
            yield Path(folder) / file


def _sort_out(path: Path, name: PurePosixPath, folder: str) -> File | LeftOut:
    """Leave out what is hidden, of another type, or beside the images of a product."""
    reason = _reason_to_leave_out(path, name)
    return File(path, name.as_posix(), folder) if reason is None else LeftOut(str(name), reason)


def _reason_to_leave_out(path: Path, name: PurePosixPath) -> str | None:
    return _reason_of_type(path, name) or _reason_of_place(name)


def _reason_of_type(path: Path, name: PurePosixPath) -> str | None:
    if any(part.startswith(".") for part in name.parts):
        return "hidden"
    if path.suffix.lower() not in SCENE_SUFFIXES:
        return f"no image ({path.suffix.lower() or 'no suffix'})"
    if not path.is_file():
        return "a link that leads nowhere"
    return None


def _reason_of_place(name: PurePosixPath) -> str | None:
    above = name.parts[:-1]
    if any(is_safe_product(part) for part in above) and above[-1] != "measurement":
        return "beside the measurements of a product"
    if any(part.lower() in AUXILIARY_FOLDERS for part in above):
        return "in a folder of auxiliary data"
    is_in_product = read_product([f"{part}_" for part in above]) is not None
    if is_in_product and above[-1].lower() in PRODUCT_FOLDERS:
        return "beside the measurements of a product"
    word = auxiliary_word(name.stem)
    return None if word is None else f"auxiliary by its name ({word})"


def _find_in_archive(path: Path, name: PurePosixPath, folder: str) -> Iterator[File | LeftOut]:
    """Yield the measurements of a product in an archive; they are read in place."""
    try:
        with zipfile.ZipFile(path) as opened:
            members = [PurePosixPath(member) for member in opened.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"an archive must be complete and readable, and {name} is not ({error}): copy or "
            "download it again, or leave it out"
        ) from error
    images = [m for m in members if m.suffix.lower() in SCENE_SUFFIXES and _is_measurement(m)]
    if not images:
        yield LeftOut(str(name), "an archive without the measurements of a product, unpack it")
    for member in sorted(images):
        inside = Path(f"{VSIZIP}{{{path.as_posix()}}}/{member}")
        yield File(inside, (name.parent / member).as_posix(), folder)


def _is_measurement(member: PurePosixPath) -> bool:
    above = member.parts[:-1]
    return any(is_safe_product(part) for part in above) and above[-1] == "measurement"
