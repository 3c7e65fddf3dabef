"""The split file: a table of paths with the split, and where wanted the units, of each.

A table has a first line with the columns `path` and `split`, and may have `units`; others are for
the reader's own use. Which images its paths name is in `split_rows`, what splits mean in
`splits`.
"""

import csv
import io
import posixpath
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.calibration import Units
from data.errors import DataError
from data.text import as_text

SPLIT_WORDS = ("train", "val", "test")

_NEEDED, _OPTIONAL = ("path", "split"), ("units",)
_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True)
class SplitRow:
    """One row of a split file.

    Attributes:
        path: As `normal_path` gives it.
        split: "train", "val" or "test".
        units: What the images measure; None where the row does not say it.
        line: Its line in the file, counted from 1.
    """

    path: str
    split: str
    units: Units | None
    line: int


def normal_path(text: str) -> str:
    r"""Give the one form of a path that all its spellings share.

    Backslashes become slashes; blanks around it, `.` parts, doubled and closing slashes go; bytes
    that are no UTF-8 become text as in the names of images.

    Example:
        >>> normal_path(r" .\set//a.tif "), normal_path("/d/set/../a.tif/"), normal_path("./")
        ('set/a.tif', '/d/a.tif', '.')
    """
    slashed = unicodedata.normalize("NFC", as_text(text)).strip().replace("\\", "/")
    path = posixpath.normpath(slashed)
    # POSIX keeps two leading slashes apart from one; no row means that.
    return "/" + path.lstrip("/") if path.startswith("/") else path


def read_split_file(split_file: Path) -> tuple[SplitRow, ...]:
    """Read the rows of a split file; the first line decides whether `,`, `;` or tab separates.

    Args:
        split_file: The table, with the columns `path` and `split` and perhaps `units`. Case and
            blanks around column names, splits and units do not matter.

    Returns:
        The rows in the file's order.

    Raises:
        DataError: The file is missing or no table, it lacks a column or has one twice, a row has
            an empty path, an unknown split or unknown units, or a path is listed twice.
    """
    lines = _read_lines(split_file)
    separator, places = _find_columns(lines, split_file.name)
    rows = []
    try:
        reader = csv.reader(lines, delimiter=separator)
        header_is_due = True
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header_is_due:
                rows.append(_read_row(cells, places, reader.line_num, split_file.name))
            header_is_due = False
    except csv.Error as error:
        raise DataError(
            f"a split file is a table of text, and {split_file.name} is not ({error}): save it as "
            "CSV"
        ) from error
    _refuse_twice(rows, split_file.name)
    return tuple(rows)


def _read_lines(split_file: Path) -> list[str]:
    if not split_file.is_file():
        raise DataError(f"the split file must exist, and {split_file} does not: check --split-file")
    try:
        content = split_file.read_bytes()
    except OSError as error:
        raise DataError(
            f"the split file must be readable, and {split_file} is not ({error.strerror}): check "
            "--split-file"
        ) from error
    # Spreadsheets put a mark before their text: that of UTF-8, or of UTF-16 for "Unicode text".
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = (
        content.decode("utf-16", errors="replace")
        if is_utf16
        else as_text(content.decode("utf-8-sig", errors="surrogateescape"))
    )
    return list(io.StringIO(text, newline=""))


def _find_columns(lines: Sequence[str], name: str) -> tuple[str, Mapping[str, int]]:
    """Find the separator and the place of each column in the first line that is not blank."""
    header = next((line for line in lines if line.strip()), "")
    found = {separator: _split_header(header, separator) for separator in _SEPARATORS}

    def num_known(separator: str) -> tuple[int, int]:
        columns = found[separator]
        return sum(column in columns for column in _NEEDED), len(columns)

    separator = max(_SEPARATORS, key=num_known)
    columns = found[separator]
    missing = [column for column in _NEEDED if column not in columns]
    if missing:
        raise DataError(
            f"a split file has the columns path and split, and {name} lacks "
            f"{' and '.join(missing)}: its first line must name them, separated by , or ; or tab"
        )
    for column in (*_NEEDED, *_OPTIONAL):
        if columns.count(column) > 1:
            raise DataError(
                f"a split file names each column once, and {name} has {columns.count(column)} "
                f"columns {column}: remove or rename all but one"
            )
    return separator, {c: columns.index(c) for c in (*_NEEDED, *_OPTIONAL) if c in columns}


def _split_header(header: str, separator: str) -> list[str]:
    try:
        return [cell.strip().casefold() for cell in next(csv.reader([header], delimiter=separator))]
    except (csv.Error, StopIteration):
        return []


def _read_row(cells: Sequence[str], places: Mapping[str, int], line: int, name: str) -> SplitRow:
    cell = {
        column: cells[place].strip() if place < len(cells) else ""
        for column, place in places.items()
    }
    if not cell["path"] or "\0" in cell["path"]:
        raise DataError(
            f"a row of a split file names a path, and line {line} of {name} has none: fill it in "
            "or remove the row"
        )
    path, split, units = normal_path(cell["path"]), cell["split"], cell.get("units", "")
    if split.casefold() not in SPLIT_WORDS:
        raise DataError(
            f"a split is one of {', '.join(SPLIT_WORDS)}, and {name} says {split!r} for {path}: "
            "correct the row"
        )
    if units and units.casefold() not in set(Units):
        raise DataError(
            f"units are one of {', '.join(Units)}, or empty, and {name} says {units!r} for {path}: "
            "correct the row"
        )
    return SplitRow(path, split.casefold(), Units(units.casefold()) if units else None, line)


def _refuse_twice(rows: Iterable[SplitRow], name: str) -> None:
    first: dict[str, SplitRow] = {}
    for row in rows:
        if row is not first.setdefault(row.path, row):
            raise listed_twice(row.path, first[row.path], row, name)


def listed_twice(what: str, one: SplitRow, other: SplitRow, name: str) -> DataError:
    """Return the refusal of two rows for one file or folder."""
    paths = "" if one.path == other.path else f" as {one.path} and as {other.path}"
    return DataError(
        f"a split file lists a scene once, and {name} lists {what}{paths} in line {one.line} "
        f"({one.split}) and in line {other.line} ({other.split}): keep one of these rows"
    )
