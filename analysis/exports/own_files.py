"""Files of ours in a folder that is a person's: a later run replaces them, and nothing else.

A list beside them says what a run wrote. What is not on it is neither removed nor replaced.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tune.errors import UsageError

LIST = "written.json"
"""In the folder: names of the files that were written there, by part."""

MAKER = "sar-tune"

Lists = Mapping[str, Sequence[str]]
Write = Callable[[Path], object]
"""Writes one file, whose folder is there."""


def write_own(out: Path, parts: Mapping[str, Mapping[str, Write]], *, adopts: bool = False) -> None:
    """Write files, and remove those of the same parts that an earlier run wrote and this one not.

    Args:
        out: The folder, which is made where it is missing.
        parts: By what is written as a whole, such as "tables": what writes each of its files, by
            the file's name below the folder.
        adopts: Whether files of these names may be replaced although no list has their part: where
            the folder is of a release that kept no lists.

    Raises:
        UsageError: If a file would be replaced that no earlier run wrote; nothing is written then.
    """
    lists = _read_lists(out)
    for part, files in parts.items():
        if part in lists or not adopts:
            _check_free(out, [name for name in files if name not in lists.get(part, ())])
    out.mkdir(parents=True, exist_ok=True)
    # Listed before it is written, so that a run that is killed leaves nothing that seems another's.
    both = {part: sorted({*lists.get(part, ()), *files}) for part, files in parts.items()}
    _write_lists(out, {**lists, **both})
    for files in parts.values():
        for name, write in files.items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path)
    remove_own(out, [name for part in parts for name in both[part] if name not in parts[part]])
    _write_lists(out, {**lists, **{part: sorted(files) for part, files in parts.items()}})


def remove_own(out: Path, names: Iterable[str]) -> None:
    """Remove files of ours, and folders that are empty without them; what is missing is no error.

    Args:
        out: The folder, which stays.
        names: Files, or folders to be removed where they are empty, below it; others are left.
    """
    for name in names:
        path = out / name
        if not path.parent.resolve().is_relative_to(out.resolve()):
            continue  # a list can come with a folder of another's
        if path.is_dir() and not path.is_symlink():
            _remove_empty(path)
        else:
            path.unlink(missing_ok=True)
        for parent in list(Path(name).parents)[:-1]:
            _remove_empty(out / parent)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is not empty, or gone
        folder.rmdir()


def _check_free(out: Path, names: Iterable[str]) -> None:
    taken = next((out / name for name in names if (out / name).exists()), None)
    if taken is not None:
        raise UsageError(
            f"a file that no earlier run wrote is never replaced, found {str(taken)!r}: move it "
            "away or name another --out"
        )


def _read_lists(out: Path) -> Lists:
    """Return the names of what earlier runs wrote, by part; a list of another's is refused."""
    try:
        content = json.loads((out / LIST).read_text(encoding="utf-8"))
        if content["made_by"] == MAKER:
            return {part: [str(name) for name in names] for part, names in content["files"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        pass  # missing, or none of ours
    _check_free(out, [LIST])
    return {}


def _write_lists(out: Path, lists: Lists) -> None:
    content = {"made_by": MAKER, "files": dict(sorted(lists.items()))}
    draft = out / f".{LIST}"  # so that no kill tears the list
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    draft.replace(out / LIST)
