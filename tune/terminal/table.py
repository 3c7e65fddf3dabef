"""Tables of any width in which no cell is ever cut.

Columns have a stated order: where they do not fit side by side, those of the least importance go,
whole, and a line below says which. A column of priority 0 always stands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from tune.terminal.words import Part, fitting, literal, say, show

if TYPE_CHECKING:
    from rich.console import Console

GAP = 2
"""Blanks between two columns."""

MOST_LINES = 3
"""Of a heading."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        heading: What stands above it; it may be broken between words.
        cells: From the top; a cell may have several lines.
        priority: 0 if it always stands; of the others the highest number goes first.
        is_words: Whether it holds words, which begin at the left and may be wrapped where nothing
            else helps; numbers end at the right and are never broken.
    """

    heading: str
    cells: Sequence[str | Text]
    priority: int = 0
    is_words: bool = False

    @cached_property
    def texts(self) -> list[Text]:
        """The cells as they are printed."""
        return [literal(cell) for cell in self.cells]

    @cached_property
    def widest(self) -> int:
        """The width of its cells."""
        return max((line.cell_len for text in self.texts for line in text.split("\n")), default=0)

    def width(self, num_lines: int) -> int:
        """Return how wide it is with a heading of at most so many lines."""
        words = [cell_len(word) for word in self.heading.split()]
        narrowest, whole = max(words, default=0), cell_len(self.heading)
        room = next(
            (room for room in range(narrowest, whole) if _num_lines(words, room) <= num_lines),
            whole,
        )
        return max(room, self.widest)


def draw_table(
    console: "Console",
    columns: Sequence[Column],
    *,
    title: str = "",
    elsewhere: str = "",
    indent: str = "",
) -> list[str]:
    """Print a table, below it what had to be left out; return the headings of that.

    Args:
        console: Where to write.
        columns: All with as many cells.
        title: What stands above it.
        elsewhere: Where a reader finds the columns that were left out.
        indent: Before every line.
    """
    if title:
        say(console, title, style="bold")
    room = console.width - len(indent)
    shown, widths = _choose(columns, room)
    _draw(console, shown, widths, indent=indent)
    left_out = [column.heading for column in columns if column not in shown]
    if left_out:
        sentence = f"left out at {console.width} columns: {', '.join(left_out)}"
        say(console, sentence + (elsewhere and f"; {elsewhere}"), style="dim", indent=indent)
    return left_out


def draw_in_parts(console: "Console", columns: Sequence[Column]) -> None:
    """Print a table of which every column stands: what does not fit follows below.

    The first column is repeated in every part. A line is drawn below each row.
    """
    first, *rest = columns
    while rest:
        widths = [column.width(1) for column in (first, *rest)]
        count = 1
        while count < len(rest) and _sum(widths[: count + 2]) <= console.width:
            count += 1
        _draw(console, [first, *rest[:count]], widths[: count + 1], is_ruled=True)
        rest = rest[count:]


def _choose(columns: Sequence[Column], room: int) -> tuple[list[Column], list[int]]:
    """Return the columns that stand, and their widths: headings are as low as there is room."""
    parts = [
        Part(column.width(MOST_LINES) + (GAP if index else 0), column.priority)
        for index, column in enumerate(columns)
    ]
    shown = [columns[index] for index in fitting(parts, room)]
    for num_lines in range(1, MOST_LINES + 1):
        widths = [column.width(num_lines) for column in shown]
        if _sum(widths) <= room:
            break
    excess = _sum(widths) - room
    if excess > 0:
        widths = [
            _wrapped(column, width, excess) if column.is_words else width
            for column, width in zip(shown, widths, strict=True)
        ]
    return shown, widths


def _wrapped(column: Column, width: int, excess: int) -> int:
    """Return the width of a column of words that gives room; its longest word stays whole."""
    words = [word for text in column.texts for word in text.plain.split()]
    longest = max(map(cell_len, [*words, *column.heading.split()]), default=0)
    return max(longest, width - excess)


def _num_lines(words: Sequence[int], room: int) -> int:
    """Return how many lines words of these widths take in a room."""
    lines, used = 1, -1
    for width in words:
        if used + 1 + width > room:
            lines, used = lines + 1, -1
        used += 1 + width
    return lines


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _draw(
    console: "Console",
    columns: Sequence[Column],
    widths: Sequence[int],
    *,
    indent: str = "",
    is_ruled: bool = False,
) -> None:
    dash = "-" if console.options.ascii_only else "─"
    rule = (" " * GAP).join(dash * width for width in widths)

    def draw_row(cells: Sequence[Text], style: str = "", *, is_heading: bool = False) -> None:
        blocks = [
            _block(console, cell, width, column.is_words)
            for cell, width, column in zip(cells, widths, columns, strict=True)
        ]
        height = max(map(len, blocks))
        for number in range(height):
            line = Text(indent)
            for index, (block, width) in enumerate(zip(blocks, widths, strict=True)):
                here = number - (height - len(block) if is_heading else 0)
                line.append(" " * (GAP if index else 0))
                line.append_text(block[here] if 0 <= here < len(block) else Text(" " * width))
            line.rstrip()
            line.stylize(style)
            show(console, line)

    draw_row([literal(column.heading) for column in columns], "bold", is_heading=True)
    show(console, Text(indent + rule, style="dim"))
    for row in zip(*(column.texts for column in columns), strict=True):
        draw_row(row)
        if is_ruled:
            show(console, Text(indent + rule, style="dim"))


def _block(console: "Console", cell: Text, width: int, is_words: bool) -> list[Text]:
    """Return the lines of a cell, all of them as wide as its column."""
    lines = list(cell.wrap(console, width, overflow="fold"))
    for line in lines:
        line.rstrip()
        missing = max(0, width - line.cell_len)
        line.pad_right(missing) if is_words else line.pad_left(missing)
    return lines
