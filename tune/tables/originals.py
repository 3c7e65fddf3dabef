"""Which folders of a results folder are studies, and which are copies of another one.

A journal's first line names its study and the process that began it, with a number that no other
process has. Two folders with the same line are the same study, whose trials would count twice. The
original is the one that has the study's name, or, where it was renamed, the one that has been there
longest.
"""

import json
import math
from pathlib import Path

MAX_LINE_BYTES = 4096


def given_name(study: Path) -> str:
    """Return the name that a study was made with; it is its folder's unless that was renamed."""
    line = _first_line(study)
    return study.name if line is None else str(json.loads(line)["study_name"])


def find_copies(results: Path | str) -> dict[str, str]:
    """Return the folders that are copies of a study of the same results folder.

    Returns:
        Name of each copy's folder, and that of its original's.
    """
    same: dict[bytes, list[Path]] = {}
    for journal in sorted(Path(results).glob("[!.]*/journal")):
        line = _first_line(journal.parent)
        if line is not None:
            same.setdefault(line, []).append(journal.parent)
    found: dict[str, str] = {}
    for folders in same.values():
        if len(folders) > 1:
            original = min(folders, key=_newness)
            found |= {one.name: original.name for one in folders if one is not original}
    return found


def current_name(results: Path | str, name: str) -> str:
    """Return the name that a study has by now, if its folder was renamed since."""
    if (Path(results) / name).exists():
        return name
    copies = find_copies(results)
    renamed = (
        journal.parent.name
        for journal in sorted(Path(results).glob("[!.]*/journal"))
        if journal.parent.name not in copies and given_name(journal.parent) == name
    )
    return next(renamed, name)


def copy_sentences(results: Path | str) -> list[str]:
    """Return a sentence about each copy."""
    return [
        f"left out study {copy}: it is a copy of {original}"
        for copy, original in sorted(find_copies(results).items())
    ]


def _newness(study: Path) -> tuple[bool, float, str]:
    """Return a key by which originals come before their copies."""
    manifest = study / "manifest.json"  # never written again, and a copy is a new file
    changed_s = manifest.stat().st_ctime if manifest.exists() else math.inf
    return study.name != given_name(study), changed_s, study.name


def _first_line(study: Path) -> bytes | None:
    """Return the first line of a study's journal; None where it is missing or torn."""
    try:
        with (study / "journal").open("rb") as file:
            line = file.readline(MAX_LINE_BYTES)
        said = json.loads(line)
    except (OSError, ValueError):
        return None
    is_beginning = isinstance(said, dict) and {"study_name", "worker_id"} <= said.keys()
    return line if is_beginning else None
