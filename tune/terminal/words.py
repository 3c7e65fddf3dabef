"""How a command writes: sentences wrap between words, commands and paths are never broken.

What a user chose, a corpus name or a path, is printed as it is: no bracket is markup, no `:name:`
an emoji, and a control character is shown instead of obeyed. All that is printed goes through
`literal`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import TextWrapper
from typing import TYPE_CHECKING
from unicodedata import category

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

INDENT = "  "
"""Before everything that belongs to the line above it."""


def literal(text: str | Text, style: str = "") -> Text:
    r"""Return a text that is printed as it is; control characters become their escapes.

    So do bytes of a path that are no text: no terminal could be given them.

    >>> literal("[red]a\x1b[31m:smile:").plain
    '[red]a\\x1b[31m:smile:'
    """
    if isinstance(text, Text):
        return text
    shown = (
        repr(one)[1:-1] if category(one) in {"Cc", "Cs"} and one != "\n" else one for one in text
    )
    return Text("".join(shown), style=style)


def say(
    console: "Console", sentence: str, *, lead: str = "", style: str = "", indent: str = ""
) -> None:
    """Print a sentence; what does not fit in the line continues below, indented.

    Args:
        console: Where to write.
        sentence: What is said. A word that is longer than a line, such as a path, stays whole.
        lead: What stands before it in the style; the sentence itself is plain then.
        style: Of the lead, or of the whole sentence where there is none.
        indent: Before every line.
    """
    wrapper = TextWrapper(
        width=console.width,
        initial_indent=indent,
        subsequent_indent=indent + INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    joint = f"{lead} {sentence}" if lead else sentence
    text = literal("\n".join(wrapper.wrap(literal(joint).plain)), style="" if lead else style)
    if lead:
        text.stylize(style, len(indent), len(indent) + len(lead))
    show(console, text)


def note(console: "Console", sentence: str) -> None:
    """Print what a person should know although nothing stops."""
    say(console, sentence, lead="note:", style="yellow")


def show(console: "Console", line: str | Text) -> None:
    """Print a line that is never wrapped: a command to copy, a path, a row that fits."""
    console.print(literal(line), soft_wrap=True)


def show_commands(console: "Console", lead: str, commands: Sequence[str]) -> None:
    """Print commands below each other, whole, the first one behind a word or two."""
    for number, command in enumerate(commands):
        show(console, (lead if number == 0 else " " * len(lead)) + f" {command}")


@dataclass(frozen=True)
class Part:
    """A part of a line or a column of a table, as far as its place is concerned.

    Attributes:
        size: Columns of the terminal that it takes.
        priority: 0 if it always stands; of the others the highest number goes first.
    """

    size: int
    priority: int


def fitting(parts: Sequence[Part], room: int) -> list[int]:
    """Return which parts stand side by side in a room, by index: the least important go first.

    Of parts of equal priority the later one goes first. Those that always stand may need more than
    the room.

    >>> fitting([Part(4, 0), Part(9, 2), Part(3, 1)], 10)
    [0, 2]
    """
    standing = list(range(len(parts)))
    while sum(parts[index].size for index in standing) > room:
        least = max(standing, key=lambda index: (parts[index].priority, index))
        if parts[least].priority == 0:
            break
        standing.remove(least)
    return standing


def fit_line(parts: Sequence[tuple[str | Text, int]], room: int) -> Text:
    """Return a line of as many parts as fit, each whole.

    Args:
        parts: Text and priority of each; a text begins with what separates it from the one before.
        room: Columns of the terminal.
    """
    texts = [literal(text) for text, _ in parts]
    sized = [
        Part(text.cell_len, priority) for text, (_, priority) in zip(texts, parts, strict=True)
    ]
    return Text.assemble(*(texts[index] for index in fitting(sized, room)))
