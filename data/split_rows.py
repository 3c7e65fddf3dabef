"""Which images the rows of a split file name.

A row names a file or a folder, which then stands for all images below it: from the scenes' folder,
from the split file's folder, or from the root of the disk. Reading the rows is in `split_file`.
"""

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path, PurePosixPath

from data.calibration import Units
from data.errors import DataError
from data.split_file import SplitRow, listed_twice, normal_path, read_split_file
from data.text import as_text

# An image as a path may name it: its file, and its name below the scenes' folder.
Image = tuple[Path, str]


def match_rows(
    rows: Sequence[SplitRow], split_file: Path, images: Sequence[Image]
) -> list[list[SplitRow]]:
    """Find the rows that name each image, the most specific first: its file, then its folders.

    Args:
        rows: What `read_split_file` gave.
        split_file: The file, from whose folder paths may start.
        images: File and name (below the scenes' folder) of each image.

    Returns:
        For each image its rows; none where the file does not list it.

    Raises:
        DataError: When two rows spell the same file or folder differently.
    """
    spellings = [_spell(image) for image in images]
    known = {spelling for depth_of in spellings for spelling in depth_of}
    rows_of: dict[str, list[SplitRow]] = {}
    for row, target in zip(rows, _find_targets(rows, split_file, known), strict=True):
        rows_of.setdefault(target, []).append(row)
    return [
        _order_rows(name, depth_of, rows_of, split_file.name)
        for (_, name), depth_of in zip(images, spellings, strict=True)
    ]


def _order_rows(
    name: str,
    depth_of: Mapping[str, int],
    rows_of: Mapping[str, Sequence[SplitRow]],
    file_name: str,
) -> list[SplitRow]:
    at_depth: dict[int, SplitRow] = {}
    for spelling, depth in depth_of.items():
        for row in rows_of.get(spelling, ()):
            if at_depth.setdefault(depth, row) is not row:
                raise listed_twice(name, at_depth[depth], row, file_name)
    return [at_depth[depth] for depth in sorted(at_depth)]


def _spell(image: Image) -> dict[str, int]:
    """Give every normal path of an image and its folders, with the steps up to it."""
    path, name = image
    spellings = (name, path.absolute().as_posix(), os.path.realpath(path))
    depth_of: dict[str, int] = {}
    for spelling in spellings:
        whole = PurePosixPath(normal_path(spelling))
        for depth, step in enumerate((whole, *whole.parents)):
            depth_of.setdefault(step.as_posix(), depth)
    return depth_of


def _find_targets(rows: Sequence[SplitRow], split_file: Path, known: Set[str]) -> list[str]:
    """Find what each row names among the known paths, "" for what is none of them.

    Where a path would do below the scenes' folder and below the split file's, it is read as most
    other rows of the file are.
    """
    by_name = [[row.path] for row in rows]
    by_folder = [_below(split_file, row.path) for row in rows]

    def num_found(readings: Sequence[Sequence[str]]) -> int:
        return sum(not known.isdisjoint(reading) for reading in readings)

    is_by_name = num_found(by_name) >= num_found(by_folder)
    ordered = zip(*((by_name, by_folder) if is_by_name else (by_folder, by_name)), strict=True)
    return [
        next((path for path in (*first, *second) if path in known), "") for first, second in ordered
    ]


def _below(split_file: Path, path: str) -> list[str]:
    """Give what a path means from a split file's folder, with and without links followed."""
    folders = (split_file.absolute().parent, split_file.resolve().parent)
    whole = [(folder / path).as_posix() for folder in folders]
    return [normal_path(spelling) for spelling in (*whole, *map(os.path.realpath, whole))]


def read_split_units(split_file: Path, images: Sequence[Image]) -> dict[str, Units]:
    """Read the units that a split file states.

    Args:
        split_file: The table; its column `units` may be missing or empty.
        images: File and name (below the scenes' folder) of each image.

    Returns:
        Units by name, of the images that a row, or else the nearest row of a folder, states.

    Raises:
        DataError: As `read_split_file` and `match_rows`.
    """
    matched = match_rows(read_split_file(split_file), split_file, images)
    stated = {
        name: next((row.units for row in rows if row.units), None)
        for (_, name), rows in zip(images, matched, strict=True)
    }
    return {name: units for name, units in stated.items() if units}


def refuse_lost_rows(rows: Iterable[SplitRow], split_file: Path, images: Sequence[Image]) -> None:
    """Refuse rows that name nothing on the disk.

    Args:
        rows: Rows that name no image.
        split_file: The file they are from.
        images: File and name of each image.

    Raises:
        DataError: With the listed path and the most similar scene.
    """
    folders = [split_file.parent, *_scene_folders(images)]
    for row in rows:
        if not any(os.path.exists(folder / row.path) for folder in folders):  # noqa: PTH110
            closest = say_closest(row.path, [name for _, name in images], "scene")
            raise DataError(
                f"the files that a split file lists must exist, and {row.path} of "
                f"{split_file.name} does not{closest}: correct "
                "or remove the row, or restore the file"
            )


def _scene_folders(images: Iterable[Image]) -> set[Path]:
    """Find the folders that names start from."""
    folders = set()
    for path, name in images:
        steps = len(PurePosixPath(name).parts)
        if as_text(path.as_posix()).endswith(name) and steps <= len(path.parents):
            folders.add(path.parents[steps - 1])
    return folders


def say_closest(path: str, paths: Iterable[str], what: str) -> str:
    """Give a bracket that names the most similar of some paths, "" when none is similar.

    Example:
        >>> say_closest("set/A.tif", ["set/a.tif", "set/b.tif"], "scene")
        ' (the closest scene is set/a.tif)'
    """
    # Paths that differ in case alone are alike.
    written = {other.casefold(): other for other in paths}
    nearest = difflib.get_close_matches(path.casefold(), written, n=1, cutoff=0.4)
    return f" (the closest {what} is {written[nearest[0]]})" if nearest else ""
