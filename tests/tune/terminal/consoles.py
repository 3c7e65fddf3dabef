"""Consoles of a given width, and what was written on them."""

import io
import re
from collections.abc import Callable
from typing import Any

from rich.console import Console

WIDTHS = (60, 80, 100, 200)
"""Of a narrow terminal, the usual one, a wide one and a log."""

NASTY = (
    "S1 [/vv]",
    "[red]",
    "[bold",
    r"a\[b]",
    "[link=x]y[/link]",
    ":smile:",
    "{x} %s %(y)d",
    'it\'s "q" $HOME `ls`',
    "日本 ö",
)
"""Names that a corpus or a folder may have, and that a console might read as something else."""


def console_of(width: int, *, is_coloured: bool = False, **settings: Any) -> Console:
    """A console that writes into memory."""
    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=is_coloured,
        color_system="truecolor" if is_coloured else None,
        **settings,
    )


def written(console: Console) -> str:
    """What was written on it, colours and all."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def drawn(width: int, draw: Callable[..., Any], *arguments: Any, **settings: Any) -> str:
    """What a function writes on a console of this width, its first argument."""
    console = console_of(width)
    draw(console, *arguments, **settings)
    return written(console)


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def numbers(text: str) -> set[str]:
    """Every word with a digit in it."""
    return {word for word in text.split() if any(letter.isdigit() for letter in word)}


def in_one_line(text: str) -> str:
    return " ".join(text.split())
