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

from data.bands import UNKNOWN_POLARISATION, choose_bands, names_polarisation
from data.calibration import Units
from data.errors import DataError
from data.files import File, LeftOut, find_files
from data.naming import name_groups, name_scene, safe_part
from data.products import Product, read_date, read_product, strip_piece
from data.scenes import RASTER_SUFFIXES, SCENE_SUFFIXES, RasterFacts, read_facts
from data.split_rows import read_split_units
from data.unit_rules import BY_EVIDENCE, UnitRules
from data.units import Evidence, decide_units, refuse_silent_bands

SIDECAR = "tiles.json"

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
    bands: Sequence[str] = (),
) -> Found:
    """Find and name every image below the given files and folders.

    Args:
        roots: Files, folders (searched through), `.SAFE` products or archives of one.
        rules: Units that are given; the others are taken from each file.
        split_file: May list units too.
        group_by: One of `data.naming.GROUP_BY`: how images form groups that share clip bounds.
            "auto" takes the product's kind for .SAFE products, else the first folder below the
            root, unless each such folder holds one scene.
        bands: Polarisation of each band of files of so many bands that do not name theirs.

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
    groups = name_groups(files, group_by)
    read_sidecar = cache(_read_sidecar)
    sources: list[Source] = []
    refused: list[tuple[File, DataError]] = []
    for file in sorted(files, key=lambda file: file.name):
        product = _product_name(file, read_sidecar)
        by_kind = group_by == "product" or (group_by == "auto" and bool(safe_part(file.name)))
        try:
            found = _describe_file(file, groups[file], product, rules, bands, by_kind=by_kind)
            sources += found
        except DataError as error:
            if names_polarisation(PurePosixPath(file.name).name):
                raise
            refused.append((file, error))
    sources, unnamed = _without_unnamed(sources)
    unnamed += [_leave_out(file, error, sources, groups[file]) for file, error in refused]
    _refuse_twins(sources)
    num_files = len(files) + len(left_out)
    return Found(tuple(sources), (*left_out, *unnamed), num_files)


def _for_example(left_out: Sequence[LeftOut]) -> str:
    return f" ({left_out[0].name} is left out: {left_out[0].reason})" if left_out else ""


def _without_pictures(files: Sequence[File]) -> tuple[list[File], list[LeftOut]]:
    """Leave out PNGs that are pictures of a raster beside them, by their names."""
    rasters = {
        (path.parent, path.stem.lower())
        for path in (PurePosixPath(file.name) for file in files)
        if path.suffix.lower() in RASTER_SUFFIXES
    }
    kept, pictures = [], []
    for file in files:
        path = PurePosixPath(file.name)
        pictured = (path.parent, _PICTURE.sub("", path.stem).lower())
        if path.suffix.lower() == ".png" and pictured in rasters:
            pictures.append(LeftOut(file.name, "a picture of the raster beside it"))
        else:
            kept.append(file)
    return kept, pictures


def _describe_file(
    file: File,
    group: str,
    product: str,
    rules: UnitRules,
    bands: Sequence[str],
    *,
    by_kind: bool,
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
    scene = name_scene(file)
    chosen = choose_bands(f"{file.folder}/{file.name}", facts, bands)
    refuse_silent_bands(file.name, [facts.band_names[band - 1] for band, _ in chosen], decided)
    for band, polarisation in chosen:
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
    return bool(safe_part(file.name)) or is_plain or bool(product and product not in file.name)


def _read_pass(file: File, product: str) -> Product | None:
    """Return what the product's name tells, else the file's and its folders', else its date."""
    path = PurePosixPath(file.name)
    told = read_product([product, path.stem + "_", *(f"{part}_" for part in path.parts[-2::-1])])
    return told or read_date(path.stem)


def _product_name(file: File, read_sidecar: Callable[[Path], dict[str, str]]) -> str:
    """Find the Sentinel-1 product a file comes from: its folder, the sidecar, or its own name."""
    safe = safe_part(file.name)
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


def _decide_units(
    file: File, facts: RasterFacts, rules: UnitRules, *, is_measurement: bool
) -> Evidence:
    name = f"{file.folder}/{file.name}"
    # The folder that was given is part of what tells units.
    decided = rules.decide(file.name) or decide_units(
        name, facts, is_grd_measurement=is_measurement
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
    kept, left_out = [], []
    for source in sources:
        if source.polarisation == UNKNOWN_POLARISATION and source.group in named:
            reason = "no polarisation in its name or bands, beside images that have one"
            left_out.append(LeftOut(source.name, reason))
        else:
            kept.append(source)
    return kept, left_out


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
