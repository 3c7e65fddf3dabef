"""Which folders of a results folder are studies, and which are copies of another one.

A journal's first line names its study and the process that began it, with a number that no other
process has. Two folders with the same line are the same study, whose trials would count twice. The
original is the one that has the study's name, or, where it was renamed, the one that has been there
longest.
"""

import contextlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data.text import as_text

MAX_LINE_BYTES = 4096


def given_name(study: Path) -> str:
    """Return the name that a study was made with; it is its folder's unless that was renamed."""
    beginning = _beginning(_first_line(study))
    return study.name if beginning is None else str(beginning["study_name"])


def find_copies(results: Path | str) -> dict[str, str]:
    """Return the folders that are copies of a study of the same results folder.

    Returns:
        Name of each copy's folder, and that of its original's.
    """
    same: dict[bytes, list[Path]] = {}
    for folder in _folders(results):
        if (line := _first_line(folder)) is not None:
            same.setdefault(line, []).append(folder)
    found: dict[str, str] = {}
    for line, folders in same.items():
        # Only equal lines are parsed: a thousand studies rarely have two.
        if len(folders) > 1 and _beginning(line) is not None:
            original = min(folders, key=_newness)
            found |= {one.name: original.name for one in folders if one is not original}
    return found


def current_name(results: Path | str, name: str) -> str:
    """Return the name that a study has by now, if its folder was renamed since."""
    if (Path(results) / name).exists():
        return name
    copies = find_copies(results)
    renamed = (
        folder.name
        for folder in sorted(_folders(results))
        if folder.name not in copies and given_name(folder) == name
    )
    return next(renamed, name)


def copy_sentences(results: Path | str) -> list[str]:
    """Return a sentence about each copy of a results folder."""
    return sentences_of(find_copies(results))


def sentences_of(copies: Mapping[str, str]) -> list[str]:
    """Return a sentence about each copy that `find_copies` found."""
    return [
        f"left out study {as_text(copy)}: it is a copy of {as_text(original)}"
        for copy, original in sorted(copies.items())
    ]


def _newness(study: Path) -> tuple[bool, float, str]:
    """Return a key by which originals come before their copies."""
    manifest = study / "manifest.json"  # never written again, and a copy is a new file
    changed_s = manifest.stat().st_ctime if manifest.exists() else math.inf
    return study.name != given_name(study), changed_s, study.name


def _folders(results: Path | str) -> Iterator[Path]:
    """Return what may be a study of a results folder, in no order; drafts begin with a dot."""
    with contextlib.suppress(OSError):  # nothing there, or nothing that may be looked into
        yield from (path for path in Path(results).iterdir() if not path.name.startswith("."))


def _first_line(study: Path) -> bytes | None:
    """Return the first line of a study's journal; None where it cannot be read."""
    try:
        with (study / "journal").open("rb") as file:
            return file.readline(MAX_LINE_BYTES)
    except OSError:
        return None


def _beginning(line: bytes | None) -> Mapping[str, Any] | None:
    """Return what a journal's first line says; None where it is torn or begins no study."""
    try:
        said = json.loads(line or b"")
    except ValueError:
        return None
    is_beginning = isinstance(said, dict) and {"study_name", "worker_id"} <= said.keys()
    return said if is_beginning else None
