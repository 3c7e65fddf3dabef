"""The file of a study's journal: one JSON object a line, appended, flushed to the disk, never torn.

The format is that of Optuna's journal, so that its own tools can read the file. What is added here
is what a night needs: a torn last line is found and cut off, and a full disk makes the writer wait
for space instead of leaving half a line in the middle.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend

from tune.errors import is_disk_full

RETRY_S = 1.0

CREATE_TRIAL = 4
"""Optuna's code of a line that makes a trial."""


class NoSpaceError(OSError):
    """The journal could not grow, and the search was asked to end while it waited for space."""


@dataclass(frozen=True)
class JournalState:
    """What the lines of a journal are.

    Attributes:
        num_lines: Whole lines from the beginning, up to the first damage.
        whole_bytes: Their length.
        torn_bytes: What follows them: 0 in a whole journal.
        lines_after: Whole lines behind the damage; 0 where it is only the end that is torn.
    """

    num_lines: int
    whole_bytes: int
    torn_bytes: int
    lines_after: int

    @property
    def is_whole(self) -> bool:
        """Whether every byte belongs to a whole line."""
        return self.torn_bytes == 0

    @property
    def is_damaged_inside(self) -> bool:
        """Whether whole lines follow the damage: no writer that was killed leaves that."""
        return self.lines_after > 0


def examine_journal(content: bytes) -> JournalState:
    r"""Return what the lines of a journal are.

    >>> examine_journal(b'{"op_code":0}\n{"op_co').torn_bytes
    7
    """
    num_lines = whole_bytes = lines_after = 0
    is_torn = False
    for line in content.splitlines(keepends=True):
        if not _is_whole(line):
            is_torn = True
        elif is_torn:
            lines_after += 1
        else:
            num_lines += 1
            whole_bytes += len(line)
    return JournalState(num_lines, whole_bytes, len(content) - whole_bytes, lines_after)


def keep_readable(content: bytes) -> bytes:
    """Return what can be kept of a damaged journal: its whole lines, up to where they fit together.

    A lost line that only told something of a trial costs that fact. Trials have no name but their
    order, so where the line that made a trial is lost, what follows would speak of the wrong ones,
    and everything from the first such line on is left out.
    """
    kept: list[bytes] = []
    num_trials = 0
    for line in content.splitlines(keepends=True):
        if not _is_whole(line):
            continue
        entry = json.loads(line)
        num_trials += entry.get("op_code") == CREATE_TRIAL
        if entry.get("trial_id", -1) >= num_trials:
            break
        kept.append(line)
    return b"".join(kept)


def cut_torn_end(path: Path) -> int:
    """Cut off a torn last line, and a lock that a killed writer left; return the bytes cut off.

    Only the holder of the study's lock may call this. A line is torn when its writer died before
    the line was on the disk: nobody has been told that it was written.
    """
    path.with_name(path.name + ".lock").unlink(missing_ok=True)
    state = examine_journal(path.read_bytes())
    if not state.is_whole and not state.is_damaged_inside:
        os.truncate(path, state.whole_bytes)
    return state.torn_bytes


class JournalFile(JournalFileBackend):
    """Optuna's journal file, for one writer that survives a full disk.

    Attributes:
        path: The file.

    Args:
        path: The file; made if absent.
        on_full: Called once, with a sentence, when the writer begins to wait for space.
        should_give_up: Asked while it waits.
    """

    def __init__(
        self,
        path: Path,
        on_full: Callable[[str], None] = lambda _: None,
        should_give_up: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(str(path))
        self.path = path
        self.on_full = on_full
        self.should_give_up = should_give_up

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """Yield the lines from a number on; their names are shared, because Optuna keeps them all.

        An epoch's note is longer by its names than by its numbers.
        """
        for log in super().read_logs(log_number_from):
            yield _share_names(log)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines and flush them to the disk; wait for space if there is none.

        Raises:
            NoSpaceError: If the search was asked to end while it waited.
        """
        was_told = False
        while True:
            size = self.path.stat().st_size
            try:
                super().append_logs(logs)
            except OSError as error:
                if not is_disk_full(error):
                    raise
                os.truncate(self.path, size)  # half a line would spoil all that follow
                if self.should_give_up():
                    raise NoSpaceError(*error.args) from error
            else:
                return
            if not was_told:
                self.on_full(
                    f"no space left for {self.path}: the search waits until there is some, free it"
                )
                was_told = True
            time.sleep(RETRY_S)


def _share_names(entry: dict[str, Any]) -> dict[str, Any]:
    return {
        sys.intern(name): _share_names(value) if isinstance(value, dict) else value
        for name, value in entry.items()
    }


def _is_whole(line: bytes) -> bool:
    if not line.endswith(b"\n"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
