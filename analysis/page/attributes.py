"""Names as attributes of elements have them."""

import html
import re
import zlib


def attribute(text: str) -> str:
    """Return text as it stands between double quotes.

    >>> attribute('a "b" <c>')
    'a &quot;b&quot; &lt;c&gt;'
    """
    return html.escape(text, quote=True)


def element_id(name: str) -> str:
    """Return a name as the id of an element: without blanks, and another one for another name.

    >>> element_id("rate_1"), element_id("rate [1]")
    ('rate_1', 'rate--1--74abfdab')
    """
    plain = re.sub(r"[^\w.-]", "-", name)
    return name if plain == name else f"{plain}-{zlib.crc32(name.encode()):08x}"
