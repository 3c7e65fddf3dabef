"""How files become scenes and groups, by their paths.

A scene is a product, or a path without polarisation and units; images of one group share clip
bounds.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from data.bands import names_polarisation
from data.errors import DataError
from data.files import File, is_safe_product
from data.products import POLARISATIONS

GROUP_BY = ("auto", "folder", "product", "none")

# Parts of a file name that tell polarisation or units, which have columns of their own.
_NOT_SCENE = re.compile(
    r"(?:^|[_.-])(vv|vh|hh|hv|intensity|amplitude|sigma0|gamma0|beta0|db)(?=$|[_.-])", re.IGNORECASE
)
_DIMAP_SUFFIX = ".data"


def name_groups(files: Sequence[File], group_by: str) -> dict[File, str]:
    """Return the group of every file, by folder; products get theirs by kind later.

    Raises:
        DataError: If there is no such way to group.
    """
    if group_by not in GROUP_BY:
        raise DataError(f"--group-by takes {', '.join(GROUP_BY)}, found {group_by!r}: choose one")
    scenes_of: dict[tuple[str, str], set[str]] = {}
    named = [file for file in files if names_polarisation(file.name)]
    for file in named or files:
        scenes_of.setdefault((file.folder, _first_folder(file)), set()).add(name_scene(file))
    is_scene_each = group_by == "auto" and all(
        len(scenes) == 1 for (_, first), scenes in scenes_of.items() if first
    )
    keeps_root = group_by == "none" or is_scene_each
    return {
        file: file.folder if keeps_root else _first_folder(file) or file.folder for file in files
    }


def _first_folder(file: File) -> str:
    folders = _folders(file)
    return folders[0] if folders else ""


def _folders(file: File) -> list[str]:
    """Return the folders of a file; one called by a polarisation holds a part of each scene."""
    parts = PurePosixPath(file.name).parts[:-1]
    return [part for part in parts if part.lower() not in POLARISATIONS]


def name_scene(file: File) -> str:
    """Name the acquisition: the product, or the file's path without polarisation and units.

    A file of which nothing else is left, such as `Intensity_VV.img`, is the scene of its folder.
    """
    safe = safe_part(file.name)
    if safe:
        return safe[: -len(".SAFE")]
    folder = PurePosixPath(*_folders(file))
    stem = _NOT_SCENE.sub("", PurePosixPath(file.name).stem).strip("_.-")
    if stem:
        return (folder / stem).as_posix()
    return file.folder if folder == PurePosixPath() else str(folder).removesuffix(_DIMAP_SUFFIX)


def safe_part(name: str) -> str:
    """Give the path down to the product's folder, "" where there is none."""
    parts = PurePosixPath(name).parts
    for count, part in enumerate(parts[:-1], start=1):
        if is_safe_product(part):
            return "/".join(parts[:count])
    return ""
