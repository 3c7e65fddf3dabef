"""From the paths a user gives to named images: scene, pass, polarisation, group and units of each.

Everything that a file's name, its folder, its header or a `tiles.json` beside it can tell is
decided here, once, with the reason kept. Units are never guessed: a flag wins over the file's own
metadata, that wins over the product the file comes from; what none of them explains is refused.

Names of Sentinel-1 products, letter by letter (the pass is mission and absolute orbit):

    S1A_IW_GRDH_1SDV_20201107T135241_20201107T135306_035143_041A16_322B      product (.SAFE)
    mission_mode_type_level-class-polarisation_start_stop_ORBIT_datatake_id
    s1a-iw-grd-vh-20201107t135241-20201107t135306-035143-041a16-002.tiff     its measurement file
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path, PurePosixPath

from data.calibration import Units
from data.errors import DataError
from data.scenes import SCENE_SUFFIXES, RasterFacts, read_facts

UNKNOWN_POLARISATION = "unknown"
SIDECAR = "tiles.json"

_PRODUCT = re.compile(
    r"(?P<mission>S1[A-D])[_-](?P<mode>IW|EW|WV|S[1-6])[_-](?P<type>GRD|SLC|OCN|RAW)(?P<res>[FHM_]?)"
    r"[_-].*?(?P<year>20\d\d)\d{4}T\d{6}[_-]\d{8}T\d{6}[_-](?P<orbit>\d{6})[_-]",
    re.IGNORECASE,
)
_POLARISATION = re.compile(r"(?:^|[^a-z])(vv|vh|hh|hv)(?![a-z])", re.IGNORECASE)
_UNIT_WORDS = (
    (Units.DB, re.compile(r"(?<![a-z])(db|decibels?)(?![a-z])", re.IGNORECASE)),
    (Units.AMPLITUDE, re.compile(r"(?<![a-z])amplitude(?![a-z])", re.IGNORECASE)),
    (Units.INTENSITY, re.compile(r"(?<![a-z])intensity(?![a-z])", re.IGNORECASE)),
)
_GRD_WORD = re.compile(r"(?<![a-z])grd[fhm]?(?![a-z])", re.IGNORECASE)
# Parts of a file name that tell polarisation or units, which have columns of their own.
_NOT_SCENE = re.compile(r"(?:^|[_.-])(vv|vh|hh|hv|intensity|amplitude)(?=$|[_.-])", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """One image: a band of a file, with all that is known about it before a pixel is read.

    Attributes:
        path: The file; stays on this machine, never stored.
        name: The file's path below the given folder, with forward slashes; stored.
        band: Band in the file, counted from 1.
        scene: Name of the acquisition, the same for its polarisations.
        pass_id: Orbit pass, the unit of splitting; the scene where no orbit is known.
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


def find_sources(roots: Sequence[Path], units: Units | None = None) -> list[Source]:
    """Find and name every image below the given files and folders.

    Args:
        roots: Files, folders (searched through) or `.SAFE` products (their measurement files).
        units: What all images measure; None takes it from each file's metadata or product.

    Returns:
        The images, ordered by name.

    Raises:
        DataError: A path does not exist, nothing is found, a file is unreadable, units are
            undecidable, or two files are the same scene and polarisation.
    """
    files = [file for root in roots for file in _find_files(root, is_only=len(roots) == 1)]
    if not files:
        raise DataError(
            f"scenes are files of the types {', '.join(SCENE_SUFFIXES)}, and "
            f"{', '.join(root.name or str(root) for root in roots)} holds none: give their folder"
        )
    product_of = partial(_find_product, read_sidecar=cache(_read_sidecar))
    sources = [
        source
        for path, name, group in sorted(set(files), key=lambda file: file[1])
        for source in _describe_file(path, name, group, product_of(path, name), units)
    ]
    _refuse_twins(sources)
    return sources


def is_safe_product(name: str) -> bool:
    """Say whether a folder name is that of a Sentinel-1 product."""
    return name.upper().endswith(".SAFE")


def product_year(product: str) -> str:
    """Give the year of acquisition in a product name, "" for any other name."""
    match = _PRODUCT.search(product)
    return match["year"] if match else ""


def _find_files(root: Path, *, is_only: bool) -> list[tuple[Path, str, str]]:
    """List (file, stored name, default group) below one root."""
    if not root.exists():
        raise DataError(f"scenes must exist, and {root} does not: check the path")
    root = root.resolve()
    if root.is_file():
        if root.suffix.lower() not in SCENE_SUFFIXES:
            raise DataError(
                f"scenes are files of the types {', '.join(SCENE_SUFFIXES)}, and {root.name} is "
                "none of them: convert it, for example to GeoTIFF"
            )
        return [(root, root.name, root.parent.name)]
    # The product's own name carries orbit and type, so it stays part of the name.
    keeps_root = not is_only or is_safe_product(root.name)
    base = root.parent if keeps_root else root
    return [
        (path, name.as_posix(), name.parts[0] if len(name.parts) > 1 else root.name)
        for path in root.rglob("*")
        if path.suffix.lower() in SCENE_SUFFIXES and path.is_file()
        for name in [PurePosixPath(path.relative_to(base).as_posix())]
        if _is_image(name)
    ]


def _is_image(name: PurePosixPath) -> bool:
    """Leave out hidden files and what a product holds beside its measurements (previews, icons)."""
    if any(part.startswith(".") for part in name.parts):
        return False
    is_in_product = any(is_safe_product(part) for part in name.parts[:-1])
    return not is_in_product or name.parts[-2] == "measurement"


def _describe_file(
    path: Path, name: str, group: str, product: str, units: Units | None
) -> Iterable[Source]:
    facts = read_facts(path)
    match = _PRODUCT.search(product)
    if match and match["type"].upper() == "SLC":
        raise DataError(
            f"scenes are detected images, and {name} is complex (SLC): use GRD products"
        )
    # The folder that was given is part of what tells units and polarisation.
    decided, reason = _decide_units(path, f"{group}/{name}", facts, product, units)
    bands = _choose_bands(f"{group}/{name}", facts)
    if _safe_part(name) and match:
        group = f"{match['mission'][:2]}_{match['mode']}_{match['type']}{match['res']}".upper()
    scene = _name_scene(name)
    for band, polarisation in bands:
        yield Source(
            path=path,
            name=name,
            band=band,
            scene=scene,
            pass_id=f"{match['mission'].upper()}_{match['orbit']}" if match else scene,
            polarisation=polarisation,
            group=group,
            units=decided,
            units_reason=reason,
            product=product,
            facts=facts,
        )


def _safe_part(name: str) -> str:
    """Give the path down to the product's folder, "" where there is none."""
    parts = PurePosixPath(name).parts
    for count, part in enumerate(parts[:-1], start=1):
        if is_safe_product(part):
            return "/".join(parts[:count])
    return ""


def _find_product(path: Path, name: str, *, read_sidecar: Callable[[Path], dict[str, str]]) -> str:
    """Find the Sentinel-1 product a file comes from: its folder, the sidecar, or its own name."""
    safe = _safe_part(name)
    if safe:
        return PurePosixPath(safe).name
    listed = read_sidecar(path.parent / SIDECAR).get(path.name, "")
    return listed or (path.stem if _PRODUCT.search(path.stem) else "")


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


def _name_scene(name: str) -> str:
    """Name the acquisition: the product, or the file's path without polarisation and units."""
    safe = _safe_part(name)
    if safe:
        return safe[: -len(".SAFE")]
    path = PurePosixPath(name)
    stem = _NOT_SCENE.sub("", path.stem).strip("_.-")
    return (path.parent / stem).as_posix() if stem else path.with_suffix("").as_posix()


def _choose_bands(name: str, facts: RasterFacts) -> list[tuple[int, str]]:
    """Choose the bands to read and their polarisation: file name, band name, then folder names."""
    path = PurePosixPath(name)
    if len(facts.band_names) == 1:
        texts = (path.name, facts.band_names[0], *reversed(path.parts[:-1]))
        found = (_POLARISATION.search(text) for text in texts)
        return [(1, next((match[1].lower() for match in found if match), UNKNOWN_POLARISATION))]
    matches = [_POLARISATION.search(band) for band in facts.band_names]
    chosen = [(band, match[1].lower()) for band, match in enumerate(matches, start=1) if match]
    if not chosen:
        raise DataError(
            f"a file of several bands must name their polarisations, and {name} has "
            f"{len(matches)} bands without: export one band per file"
        )
    return chosen


def _decide_units(
    path: Path, name: str, facts: RasterFacts, product: str, units: Units | None
) -> tuple[Units, str]:
    if units is not None:
        decided, reason = units, "--units"
    else:
        decided, reason = _read_units(name, facts, product)
    if decided is Units.DB and path.suffix.lower() == ".png":
        raise DataError(
            f"a PNG holds counts and cannot be in dB, and {name} is declared so ({reason}): "
            "give --units amplitude or intensity"
        )
    return decided, reason


def _read_units(name: str, facts: RasterFacts, product: str) -> tuple[Units, str]:
    stated = _find_unit_word(facts.metadata)
    if stated:
        return stated, "file header"
    match = _PRODUCT.search(product)
    if match and match["type"].upper() == "GRD":
        is_listed = not _safe_part(name) and product not in name
        return Units.AMPLITUDE, f"GRD product in {SIDECAR}" if is_listed else "GRD product name"
    for part in reversed(PurePosixPath(name).parts):
        stated = _find_unit_word(part)
        if stated:
            return stated, "file name" if part == PurePosixPath(name).name else "folder name"
        if _GRD_WORD.search(part):
            return Units.AMPLITUDE, "GRD in the name"
    raise DataError(
        "pixel units must be known (amplitude, intensity or db), and neither the header nor the "
        f"name of {name} states them: give --units"
    )


def _find_unit_word(text: str) -> Units | None:
    return next((units for units, word in _UNIT_WORDS if word.search(text)), None)


def _refuse_twins(sources: Sequence[Source]) -> None:
    seen: dict[tuple[str, str], Source] = {}
    for source in sources:
        twin = seen.setdefault((source.scene, source.polarisation), source)
        if twin is not source:
            raise DataError(
                f"a scene has one image per polarisation, and {twin.name} and {source.name} are "
                f"both {source.polarisation} of {source.scene}: leave one out or rename it"
            )
