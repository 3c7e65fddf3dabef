"""Notices that the head of a cluster is gone, before Ray ends this process for it.

Whatever Ray is asked then may wait for minutes, so a thread of its own looks whether the head still
takes connections.
"""

import os
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from tune.config.command import INTERRUPTED

LOOK_S = 2.0
"""Time between two looks."""

MISSES = 5
"""Looks in a row that find nobody, until the head counts as gone: a busy one is late."""

FAREWELL_S = 15.0
"""Time for a clean end after that: what Ray is asked for may never be answered."""

GONE = "the head of the cluster is gone"


class HeadWatch:
    """Watches one head while it is entered.

    Args:
        head: Where it takes connections.
    """

    def __init__(self, head: tuple[str, int]) -> None:
        self.is_gone = False
        self._head = head
        self._interrupt: Callable[[str], None] = lambda _reason: None
        self._ended = threading.Event()

    def on_gone(self, interrupt: Callable[[str], None]) -> None:
        """Set what is called, from another thread, with the reason for a clean end."""
        self._interrupt = interrupt

    def __enter__(self) -> Self:
        """Begin to watch."""
        threading.Thread(target=self._watch, daemon=True, name="head").start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Watch no longer."""
        self._ended.set()

    def _watch(self) -> None:
        misses = 0
        while misses < MISSES:
            if self._ended.wait(LOOK_S):
                return
            misses = 0 if self._answers() else misses + 1
        self.is_gone = True
        self._interrupt(GONE)
        if not self._ended.wait(FAREWELL_S):
            # The journal is on the disk line by line; a lock ends with its process.
            sys.stderr.write(f"{GONE}: ended at once; the same command resumes the study\n")
            sys.stderr.flush()
            os._exit(INTERRUPTED)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(self._head, timeout=LOOK_S):
            return True
        return False
