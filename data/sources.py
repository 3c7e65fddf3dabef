"""From the paths a user gives to named images: scene, pass, polarisation, group and units of each.

What a file's name, its folder, its header or a `tiles.json` beside it can tell is put together
here, once, with the reason kept: files are found by `files`, names of products read by `products`,
units decided by `units`. A file that is no backscatter image is left out and listed.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from data.calibration import Units
from data.errors import DataError
from data.files import File, LeftOut, find_files, is_safe_product
from data.products import (
    POLARISATIONS,
    Product,
    is_derived,
    read_date,
    read_product,
    strip_piece,
)
from data.scenes import RASTER_SUFFIXES, SCENE_SUFFIXES, RasterFacts, read_facts
from data.split_rows import read_split_units
from data.units import BY_EVIDENCE, Evidence, Header, UnitRules, decide_units

UNKNOWN_POLARISATION = "unknown"
SIDECAR = "tiles.json"
GROUP_BY = ("auto", "folder", "product", "none")

_POLARISATION = re.compile(r"(?:^|[^a-z])(vv|vh|hh|hv)(?![a-z])", re.IGNORECASE)
# Parts of a file name that tell polarisation or units, which have columns of their own.
_NOT_SCENE = re.compile(
    r"(?:^|[_.-])(vv|vh|hh|hv|intensity|amplitude|sigma0|gamma0|beta0|db)(?=$|[_.-])", re.IGNORECASE
)
_DIMAP_SUFFIX = ".data"
_PICTURE = re.compile(r"[_-](quick|quicklook|browse|preview|thumb|thumbnail|rgb)$", re.IGNORECASE)
# An ESA product's folder without its suffix, as on AWS; a processor adds parts of its own.
_ESA_FOLDER = re.compile(r"^S1[A-D]_\w\w_GRD[FHM]_.*_\d{6}_[0-9A-F]{6}_[0-9A-F]{4}$")


@dataclass(frozen=True)
class Source:
    """One image: a band of a file, with all that is known about it before a pixel is read.

    Attributes:
        path: The file; stays on this machine, never stored.
        name: The file's path below the given folder, with forward slashes; stored.
        band: Band in the file, counted from 1.
        scene: Name of the acquisition, the same for its polarisations.
        pass_id: Orbit pass, the unit of splitting; the scene where no pass is told.
        polarisation: "vv", "vh", "hh", "hv" or "unknown".
        group: Images of one gain family share clip bounds.
        units: What the pixels measure.
        units_reason: Where the units were taken from.
        product: Name of the Sentinel-1 product, "" where unknown.
        facts: The file's header.
    """

    path: Path
    name: str
    band: int
    scene: str
    pass_id: str
    polarisation: str
    group: str
    units: Units
    units_reason: str
    product: str
    facts: RasterFacts

    @property
    def num_pixels(self) -> int:
        """Pixels of the image, valid or not."""
        return self.facts.height_px * self.facts.width_px

    @property
    def short_side_px(self) -> int:
        """Rows or columns, whichever are fewer."""
        return min(self.facts.height_px, self.facts.width_px)


@dataclass(frozen=True)
class Found:
    """What lies below the given paths.

    Attributes:
        sources: The images, ordered by name.
        left_out: The other files, each with its reason.
        num_files: Files there are.
    """

    sources: tuple[Source, ...]
    left_out: tuple[LeftOut, ...]
    num_files: int


def find_sources(
    roots: Sequence[Path],
    rules: UnitRules = BY_EVIDENCE,
    *,
    split_file: Path | None = None,
    group_by: str = "auto",
) -> Found:
    """Find and name every image below the given files and folders.

    Args:
        roots: Files, folders (searched through), `.SAFE` products or archives of one.
        rules: Units that are given; the others are taken from each file.
        split_file: May list units too.
        group_by: One of GROUP_BY: how images form groups that share clip bounds. "auto" takes the
            product's kind for .SAFE products, else the first folder below the root, unless each
            such folder holds one scene.

    Raises:
        DataError: A path does not exist, nothing is found, a file is unreadable, units are
            undecidable, or two files are the same scene and polarisation.
    """
    entries = [entry for root in roots for entry in find_files(root, is_only=len(roots) == 1)]
    files = list(dict.fromkeys(entry for entry in entries if isinstance(entry, File)))
    left_out = [entry for entry in dict.fromkeys(entries) if isinstance(entry, LeftOut)]
    files, pictures = _without_pictures(files)
    left_out += pictures
    if not files:
        raise DataError(
            f"scenes are files of the types {', '.join(SCENE_SUFFIXES)}, and "
            f"{', '.join(root.name or str(root) for root in roots)} holds none"
            f"{_for_example(left_out)}: give their folder"
        )
    rules.check_used(file.name for file in files)
    if split_file is not None:
        listed = read_split_units(split_file, [(file.path, file.name) for file in files])
        rules = replace(rules, listed=listed)
    groups = _name_groups(files, group_by)
    read_sidecar = cache(_read_sidecar)
    sources: list[Source] = []
    refused: list[tuple[File, DataError]] = []
    for file in sorted(files, key=lambda file: file.name):
        product = _product_name(file, read_sidecar)
        by_kind = group_by == "product" or (group_by == "auto" and bool(_safe_part(file.name)))
        try:
            sources += _describe_file(file, groups[file], product, rules, by_kind=by_kind)
        except DataError as error:
            if _POLARISATION.search(PurePosixPath(file.name).name):
                raise
            refused.append((file, error))
    sources, unnamed = _without_unnamed(sources)
    unnamed += [_leave_out(file, error, sources, groups[file]) for file, error in refused]
    _refuse_twins(sources)
    num_files = len(files) + len(left_out)
    return Found(tuple(sources), (*left_out, *unnamed), num_files)


def _for_example(left_out: Sequence[LeftOut]) -> str:
    return f" ({left_out[0].name} is left out: {left_out[0].reason})" if left_out else ""


def _name_groups(files: Sequence[File], group_by: str) -> dict[File, str]:
    """Return the group of every file, by folder; products get theirs by kind later.

    Raises:
        DataError: If there is no such way to group.
    """
    if group_by not in GROUP_BY:
        raise DataError(f"--group-by takes {', '.join(GROUP_BY)}, found {group_by!r}: choose one")
    scenes_of: dict[tuple[str, str], set[str]] = {}
    named = [file for file in files if _POLARISATION.search(file.name)]
    for file in named or files:
        scenes_of.setdefault((file.folder, _first_folder(file)), set()).add(_name_scene(file))
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


def _without_pictures(files: Sequence[File]) -> tuple[list[File], list[LeftOut]]:
    """Leave out PNGs that are pictures of a raster beside them, by their names."""
    rasters = {
        (path.parent, path.stem.lower())
        for path in (PurePosixPath(file.name) for file in files)
        if path.suffix.lower() in RASTER_SUFFIXES
    }
    pictures = [
        file
        for file in files
        for path in [PurePosixPath(file.name)]
        if path.suffix.lower() == ".png"
        and (path.parent, _PICTURE.sub("", path.stem).lower()) in rasters
    ]
    kept = [file for file in files if file not in pictures]
    return kept, [LeftOut(file.name, "a picture of the raster beside it") for file in pictures]


def _describe_file(
    file: File, group: str, product: str, rules: UnitRules, *, by_kind: bool
) -> Iterable[Source]:
    facts = read_facts(file.path)
    told = _read_pass(file, product)
    if told and told.is_complex:
        raise DataError(
            f"scenes are detected images, and {file.name} is complex (SLC): use GRD products"
        )
    is_measurement = _is_measurement(file, product)
    decided = _decide_units(file, facts, rules, is_measurement=is_measurement)
    if by_kind and told and told.family:
        group = told.family
    scene = _name_scene(file)
    for band, polarisation in _choose_bands(f"{file.folder}/{file.name}", facts):
        yield Source(
            path=file.path,
            name=file.name,
            band=band,
            scene=scene,
            pass_id=told.pass_id if told else strip_piece(scene),
            polarisation=polarisation,
            group=group,
            units=decided.units,
            units_reason=decided.where,
            product=product,
            facts=facts,
        )


def _is_measurement(file: File, product: str) -> bool:
    """Whether a file lies among the measurements of a GRD product, or a sidecar says it does."""
    *_, above, folder = ("", "", *PurePosixPath(file.name).parts[:-1])
    is_plain = folder == "measurement" and bool(_ESA_FOLDER.match(above))
    return bool(_safe_part(file.name)) or is_plain or bool(product and product not in file.name)


def _read_pass(file: File, product: str) -> Product | None:
    """Return what the product's name tells, else the file's and its folders', else its date."""
    path = PurePosixPath(file.name)
    told = read_product([product, path.stem + "_", *(f"{part}_" for part in path.parts[-2::-1])])
    return told or read_date(path.stem)


def _safe_part(name: str) -> str:
    """Give the path down to the product's folder, "" where there is none."""
    parts = PurePosixPath(name).parts
    for count, part in enumerate(parts[:-1], start=1):
        if is_safe_product(part):
            return "/".join(parts[:count])
    return ""


def _product_name(file: File, read_sidecar: Callable[[Path], dict[str, str]]) -> str:
    """Find the Sentinel-1 product a file comes from: its folder, the sidecar, or its own name."""
    safe = _safe_part(file.name)
    if safe:
        return PurePosixPath(safe).name
    listed = read_sidecar(file.path.parent / SIDECAR).get(file.path.name, "")
    parts = PurePosixPath(file.name).with_suffix("").parts
    named = (part for part in reversed(parts) if (p := read_product([f"{part}_"])) and p.family)
    return listed or next(named, "")


def _read_sidecar(path: Path) -> dict[str, str]:
    """Read `tiles.json`: a list of records with a tile's `file` and the product (`sar_tile`)."""
    if not path.is_file():
        return {}
    try:
        return {str(tile["file"]): str(tile["sar_tile"]) for tile in json.loads(path.read_text())}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{SIDECAR} is a list of records with `file` and `sar_tile`, and the one in "
            f"{path.parent.name} is not ({error!r}): repair it or move it away"
        ) from error


def _name_scene(file: File) -> str:
    """Name the acquisition: the product, or the file's path without polarisation and units.

    A file of which nothing else is left, such as `Intensity_VV.img`, is the scene of its folder.
    """
    safe = _safe_part(file.name)
    if safe:
        return safe[: -len(".SAFE")]
    folder = PurePosixPath(*_folders(file))
    stem = _NOT_SCENE.sub("", PurePosixPath(file.name).stem).strip("_.-")
    if stem:
        return (folder / stem).as_posix()
    return file.folder if folder == PurePosixPath() else str(folder).removesuffix(_DIMAP_SUFFIX)


def _choose_bands(name: str, facts: RasterFacts) -> list[tuple[int, str]]:
    """Choose the bands to read and their polarisation: file name, band name, then folder names."""
    path = PurePosixPath(name)
    if len(facts.band_names) == 1:
        if len(_polarisations(path.stem)) > 1:  # of both: a ratio, a sum, a picture of colours
            return [(1, UNKNOWN_POLARISATION)]
        texts = (path.name, facts.band_names[0], *reversed(path.parts[:-1]))
        found = (_POLARISATION.search(text) for text in texts)
        return [(1, next((match[1].lower() for match in found if match), UNKNOWN_POLARISATION))]
    told = [_polarisations(band) for band in facts.band_names]
    chosen = [
        (band, found[0])
        for band, (found, text) in enumerate(zip(told, facts.band_names, strict=True), start=1)
        if len(found) == 1 and not is_derived(text)
    ]
    if not chosen:
        raise DataError(
            f"a file of several bands must name their polarisations, and {name} has "
            f"{len(told)} bands without: export one band per file"
        )
    return chosen


def _polarisations(text: str) -> list[str]:
    """Return the different polarisations that a text names."""
    return list(dict.fromkeys(match[1].lower() for match in _POLARISATION.finditer(text)))


def _decide_units(
    file: File, facts: RasterFacts, rules: UnitRules, *, is_measurement: bool
) -> Evidence:
    name = f"{file.folder}/{file.name}"
    header = Header(
        facts.band_units,
        facts.band_names,
        facts.description,
        facts.tags,
        facts.dtype,
        facts.is_scaled,
    )
    # The folder that was given is part of what tells units.
    decided = rules.decide(file.name) or decide_units(
        name, header, is_grd_measurement=is_measurement
    )
    if decided.units is Units.DB and file.path.suffix.lower() == ".png":
        raise DataError(
            f"a PNG holds counts and cannot be in dB, and {name} is declared so "
            f"({decided.where}): give --units amplitude or intensity"
        )
    return decided


def _without_unnamed(sources: Sequence[Source]) -> tuple[list[Source], list[LeftOut]]:
    """Leave out images of no polarisation beside those that have one, in the same group."""
    named = {s.group for s in sources if s.polarisation != UNKNOWN_POLARISATION}
    kept = [s for s in sources if s.polarisation != UNKNOWN_POLARISATION or s.group not in named]
    reason = "no polarisation in its name or bands, beside images that have one"
    return kept, [LeftOut(s.name, reason) for s in sources if s not in kept]


def _leave_out(file: File, error: DataError, sources: Sequence[Source], group: str) -> LeftOut:
    """Leave out a file of no polarisation that cannot be read, beside images that have one.

    Raises:
        DataError: The file's own, where there are none: it may be what the user wants.
    """
    beside = any(s.group == group and s.polarisation != UNKNOWN_POLARISATION for s in sources)
    if not beside:
        raise error
    return LeftOut(file.name, f"no polarisation in its name, and not read ({error})")


def _refuse_twins(sources: Sequence[Source]) -> None:
    seen: dict[tuple[str, str], Source] = {}
    for source in sources:
        twin = seen.setdefault((source.scene, source.polarisation), source)
        if twin is not source:
            raise DataError(
                f"a scene has one image per polarisation, and {twin.name} and {source.name} are "
                f"both {source.polarisation} of {source.scene}: leave one out or rename it"
            )
