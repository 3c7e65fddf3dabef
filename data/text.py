"""Names of files as text that every file and every console can hold.

A name on Linux is bytes. Python keeps those that are no UTF-8 in a form that cannot be written
(`os.fsdecode`); paths stay in that form, so that files are found, and what is stored or printed of
them is text.
"""

import io
import re
import sys

_UNDECODED = re.compile("[\udc80-\udcff]")


def as_text(name: str) -> str:
    r"""Return a name with each byte that is no UTF-8 as a percent sign and two digits.

    >>> as_text("caf\udce9.tif"), as_text("café 5%.tif")
    ('caf%E9.tif', 'café 5%.tif')
    """
    return _UNDECODED.sub(lambda found: f"%{ord(found[0]) - 0xDC00:02X}", name)


def is_text(name: str) -> bool:
    """Return whether a name can be written as it is."""
    return _UNDECODED.search(name) is None


def print_anything() -> None:
    """Let standard output escape what it cannot encode, as standard error does, and not fail."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
