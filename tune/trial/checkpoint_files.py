"""The names of a trial's checkpoint files, and how a new one takes its place among them.

    NAME.pt             the best epoch
    NAME.newest.pt      the newest one
    NAME.previous.pt    the one before it
    NAME.3.lease        who may write them: attempt 3 (`lease`)
    NAME.*.3.draft      what that attempt is about to give one of these names

Every file is written as a draft and renamed, after a look at the lease.
"""

import os
import re
import shutil
from collections.abc import Container, Sequence
from pathlib import Path

from tune.errors import is_disk_full
from tune.trial.lease import check_lease, draft_file, move_draft

PASSING = re.compile(
    r"\.?(?P<trial>.+?)"
    r"(?:\.(?:newest|previous)\.pt|\.\d+\.lease|(?:\.(?:newest|previous))?\.\d+\.draft(?:\.\w+\.tmp)?)"
)
"""Names of files that only a trial that continues needs."""

KINDS = (".lease", ".draft", ".tmp", ".pt")
"""Ends of these names, in the order in which an attempt that still writes loses them."""


def newest_file(best: Path) -> Path:
    """Return the file of a trial's newest epoch."""
    return best.with_suffix(".newest.pt")


def previous_file(best: Path) -> Path:
    """Return the file of the epoch before it."""
    return best.with_suffix(".previous.pt")


def newest_draft(best: Path, attempt: int) -> Path:
    """Return where an attempt writes its newest epoch first."""
    return draft_file(newest_file(best), attempt)


def place_newest(best: Path, attempt: int, is_best: bool) -> None:
    """Make an attempt's draft the newest file, and that one the previous; the best, if it is.

    The best file is a second name of the newest at that moment: nothing is written twice.

    Raises:
        LeaseLostError: If the attempt is not the newest.
        OSError: If there is no space for second names; the files are as they were.
    """
    draft, newest = newest_draft(best, attempt), newest_file(best)
    names = [(newest, previous_file(best))] if newest.exists() else []
    names += [(draft, newest)]
    names += [(draft, best)] if is_best else []
    _place(names, best, attempt)


def place_best(source: Path, best: Path, attempt: int) -> None:
    """Make one of a trial's files the best file too.

    Raises:
        LeaseLostError: If the attempt is not the newest.
        OSError: If there is no space for a second name.
    """
    _place([(source, best)], best, attempt)


def _place(names: Sequence[tuple[Path, Path]], best: Path, attempt: int) -> None:
    """Give each file its second name: all as drafts, then a look at the lease, then renames."""
    moves = [(source, draft_file(place, attempt), place) for source, place in names]
    try:
        for source, draft, _ in moves:
            if draft != source:
                _second_name(source, draft)
        check_lease(best, attempt)
        for _, draft, place in moves:
            move_draft(draft, place, best, attempt)
    except FileNotFoundError:
        check_lease(best, attempt)  # a newer attempt has removed what was to get a second name
        raise
    finally:
        # Left where it failed, and where both names were one file's already: renaming is nothing.
        for _, draft, _ in moves:
            draft.unlink(missing_ok=True)


def drop_resumable(folder: Path, ended: Container[str]) -> None:
    """Remove what only a trial that continues needs; nobody can write it again.

    Args:
        folder: A study's checkpoints.
        ended: Names of the trials that are over for good.
    """
    for kind in KINDS:  # each is looked for when the kind before it is gone
        for path in folder.glob(f"*{kind}"):
            match = PASSING.fullmatch(path.name)
            if match is not None and match["trial"] in ended:
                path.unlink(missing_ok=True)


def _second_name(source: Path, draft: Path) -> None:
    """Give a file a second name; copy it where the file system has no second names."""
    draft.unlink(missing_ok=True)
    try:
        os.link(source, draft)
    except OSError as error:
        if is_disk_full(error):
            raise
        shutil.copyfile(source, draft)
