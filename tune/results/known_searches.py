"""What was read of finished searches, kept for the next status of the same results folder.

Opening a thousand tables takes most of a second, and a finished search does not change. The file is
never the truth: a search whose table or budget is not the one that was read is read again, and a
file that cannot be read or written is done without.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tune.statistics.matrix import Pixels, SearchView
from tune.storage.folder import StudyFolder

FILE = ".status.json"

STATED = tuple(field.name for kind in (SearchView, Pixels) for field in fields(kind))
"""What a search is described by: a file of a release that described it otherwise is not used."""

State = list[int]


class KnownSearches:
    """The finished searches of a results folder, as an earlier status read them.

    Args:
        path: The file that they are kept in; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = _read(path)
        self._now: dict[str, Any] = {}

    def find(self, folder: StudyFolder, table: Path) -> SearchView | None:
        """Return what is known of a search, if its table and budget are still those."""
        known = self._before.get(folder.name)
        if known is None or known["state"] != files_state(folder, table):
            return None
        self._now[folder.name] = known
        view = known["view"]
        return SearchView(
            **(view | {"cell": tuple(view["cell"]), "pixels": Pixels(**view["pixels"])})
        )

    def keep(self, view: SearchView, folder: StudyFolder, state: State) -> None:
        """Keep what was read of a search, if it is finished and nobody drives it.

        Args:
            view: The search.
            folder: Where it lies.
            state: Of its files, from before they were read.
        """
        if view.progress is None and not view.num_open and view.num_ended >= view.num_planned:
            # Not by `asdict`, whose copies of a thousand take a tenth of a second.
            stated = vars(view) | {"pixels": vars(view.pixels)}
            self._now[folder.name] = {"state": state, "view": stated}

    def write(self) -> None:
        """Write the file if it has changed; a folder that cannot be written has none."""
        if self._now == self._before:
            return
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            draft.write_text(json.dumps({"stated": STATED, "searches": self._now}))
            draft.replace(self._path)
        except OSError:  # another user's folder, or a full disk: the next status reads all again
            draft.unlink(missing_ok=True)


def files_state(folder: StudyFolder, table: Path) -> State:
    """Return what changes when a search's table or budget is written: times in ns, and sizes."""
    found: State = []
    for path in (table, folder.budget_file):
        try:
            stat = path.stat()
        except OSError:
            found += [0, 0, 0]
        else:
            found += [stat.st_mtime_ns, stat.st_size, stat.st_ino]
    return found


def _read(path: Path) -> Mapping[str, Any]:
    try:
        kept = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(kept, dict) and kept.get("stated") == list(STATED)
    return kept["searches"] if is_ours else {}
