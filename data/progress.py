"""Progress of long work: a bar with an ETA on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from data.plan import ignore_progress

SECONDS_BETWEEN_LINES_S = 5.0


@contextmanager
def show_progress(
    title: str, total: int, *, quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show how far some work is, on standard error.

    Args:
        title: What is being done.
        total: Amount of work, in any unit.
        quiet: Show nothing.

    Yields:
        A function to call with the amount done since its last call.
    """
    if quiet:
        yield ignore_progress
    elif sys.stderr.isatty():
        with _bar(title, total) as advance:
            yield advance
    else:
        yield _lines(title, total)


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda amount: progress.advance(task, amount)


def _lines(title: str, total: int) -> Callable[[int], None]:
    started_s = last_line_s = time.monotonic()
    done = 0

    def advance(amount: int) -> None:
        nonlocal done, last_line_s
        done += amount
        now_s = time.monotonic()
        if now_s - last_line_s >= SECONDS_BETWEEN_LINES_S:
            last_line_s = now_s
            left_s = (now_s - started_s) * (total - done) / max(done, 1)
            sys.stderr.write(f"{title}: {done / total:.0%}, {left_s:.0f} s left\n")

    return advance
