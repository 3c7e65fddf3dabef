"""What a user got wrong, told in one sentence."""

import difflib
import errno
from collections.abc import Iterable


class UsageError(ValueError):
    """A mistake in flags, files or names; the message gives the rule, the value and the next step.

    `tune.config.command` prints the message and ends with exit code 2, without a traceback.
    """


def is_disk_full(error: OSError) -> bool:
    """Return whether no space was left, or the user's share of it was used up.

    >>> is_disk_full(OSError(errno.ENOSPC, "no space")), is_disk_full(PermissionError())
    (True, False)
    """
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


def exact_number(value: float) -> str:
    """Return a number as a message shows it: all its digits, and whole ones without a point.

    >>> exact_number(4294967296), exact_number(1.0), exact_number(1e-5)
    ('4294967296', '1', '1e-05')
    """
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else repr(value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word: the nearest known one as a question."""
    nearest = difflib.get_close_matches(word, list(known), n=1, cutoff=0.4)
    return f": did you mean {nearest[0]}?" if nearest else ": choose one of these"
