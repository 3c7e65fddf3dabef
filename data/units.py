"""What the pixels of a file measure, from fields that state it and names that tell it.

Evidence is a statement or a hint. A statement says the units: a band's unit, the word `dB` or
`intensity` in a band's name, a field that a product's format defines for it, a part of a file name.
A hint says what kind of file it is: Sigma0, RTC or a terrain correction are calibrated, so linear
power unless something states otherwise; 16-bit numbers of a GRD product are amplitude. Statements
that contradict each other are refused. Free text is never searched, and neither are the keys of
tags: a header may well explain how its linear pixels become decibels.

Sources of the fields: the OPERA RTC-S1 product specification (JPL D-108758), the HyP3 RTC product
guide (letters of a name), GDAL's raster data model (unit type), SNAP's band units.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from data.calibration import Units
from data.errors import DataError
from data.raster_facts import RasterFacts

_WORDS = {
    "db": Units.DB,
    "decibel": Units.DB,
    "decibels": Units.DB,
    "amplitude": Units.AMPLITUDE,
    "dn": Units.AMPLITUDE,
    "intensity": Units.INTENSITY,
    "power": Units.INTENSITY,
    "linear": Units.INTENSITY,
}
"""Words that state units, as parts of a name or as the value of a field."""

_CALIBRATED = re.compile(r"^(sigma|gamma|beta)(0|nought|naught)?$|^(cal|rtc\d*|calibrated)$")
"""Parts of a name that say calibrated, which is linear power unless something states otherwise."""

BAND_NAME = "band name"

UNIT_TAGS = (
    "processing_information_output_backscatter_expression_convention",  # OPERA RTC-S1
    "backscatter_expression_convention",
    "output_backscatter_expression_convention",
    "units",
    "unit",
    "unittype",
)
"""Keys of tags, in small letters, whose value is the units and nothing else."""

_HYP3 = re.compile(r"_RTC\d+_[A-Z]_[gs](?P<scale>[pda])[um][nf][eca][dmpr]_[0-9A-F]{4}")
_HYP3_SCALE = {"p": Units.INTENSITY, "d": Units.DB, "a": Units.AMPLITUDE}
_MEASUREMENT = re.compile(r"s1[a-d]-(iw|ew|s[1-6])-grd-(vv|vh|hh|hv)-20\d{6}t\d{6}-")
"""How the measurement files of a product are called, wherever they lie."""

_PARTS = re.compile(r"[^A-Za-z0-9]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")


@dataclass(frozen=True)
class Evidence:
    """Something that tells the units of a file.

    Attributes:
        units: What it tells.
        where: Where it was found, in a few words.
        text: What was found there.
        is_statement: Whether it says so itself; else it is a hint.
    """

    units: Units
    where: str
    text: str
    is_statement: bool = True

    def __str__(self) -> str:
        """Name it for a person."""
        return f"{self.units} by its {self.where} ({self.text})"


def decide_units(name: str, facts: RasterFacts, *, is_grd_measurement: bool) -> Evidence:
    """Return the evidence that decides the units of a file.

    What the file itself tells goes before what its folders tell; a folder's statement is refused
    where the file tells otherwise.

    Args:
        name: Path of the file, the given folder's name first.
        facts: What its header says.
        is_grd_measurement: Whether it lies among the measurements of a GRD product.

    Raises:
        DataError: If nothing tells the units, or statements contradict each other.
    """
    counts = _counts_of_grd(name, facts.dtype, is_measurement=is_grd_measurement)
    of_file = [*_in_header(facts), *_in_file_name(name), *([counts] if counts else [])]
    of_folders = list(_in_folder_names(name))
    if facts.holds_counts:  # integers without a scale are no calibrated backscatter
        of_file, of_folders = _without_calibrated(of_file), _without_calibrated(of_folders)
    decided = _first(of_file) or _first(of_folders)
    if decided is None:
        raise DataError(
            "pixel units must be known (amplitude, intensity or db), and neither the header nor "
            f"the name of {name} states them: give --units"
        )
    for other in (*of_file, *of_folders):
        if other.is_statement and other.units is not decided.units:
            if other.units is Units.DB and not decided.is_statement:
                decided = other  # calibrated backscatter, in decibels
                continue
            raise DataError(
                f"what tells the units of a file must agree, and {name} is {decided} and {other}: "
                f"give --units for it, as in --units '{PurePosixPath(name).name}=db'"
            )
    return decided


def refuse_silent_bands(name: str, band_names: Sequence[str], decided: Evidence) -> None:
    """Refuse a file of which one band's name tells the units, and another's does not.

    Raises:
        DataError: If there is such a band.
    """
    if decided.where != BAND_NAME:
        return
    silent = [band for band in band_names if not list(_as_name(band, BAND_NAME))]
    if silent:
        raise DataError(
            f"the bands of a file are in the same units, and of {name} {decided.text} tells "
            f"{decided.units} and {silent[0]} nothing: give --units for it"
        )


def _first(found: Sequence[Evidence]) -> Evidence | None:
    """Return the first statement, else the first hint."""
    statements = (evidence for evidence in found if evidence.is_statement)
    return next(statements, None) or next(iter(found), None)


def _without_calibrated(found: Iterable[Evidence]) -> list[Evidence]:
    """Drop hints of calibrated backscatter; those of counts stay."""
    return [e for e in found if e.is_statement or e.units is Units.AMPLITUDE]


def _in_header(facts: RasterFacts) -> Iterator[Evidence]:
    for text in dict.fromkeys(facts.band_units):
        yield from _as_value(text, "band unit")
    for key, value in facts.tags:
        if key.lower().rsplit("#", 1)[-1] in UNIT_TAGS:
            yield from _as_value(value, f"tag {key}")
    for text in dict.fromkeys(facts.band_names):
        yield from _as_name(text, BAND_NAME)
    yield from _in_description(facts.description)


def _in_description(description: str) -> Iterator[Evidence]:
    """Yield what an ENVI description says: the field "Unit:" of SNAP, else a short name."""
    stated = re.search(r"\bunit:\s*([^\s,;}\]]+)", description, re.IGNORECASE)
    if stated:
        yield from _as_name(stated[1], "header description")
    elif len(description.split()) <= 4:
        yield from _as_name(description, "header description")


def _as_value(text: str, where: str) -> Iterator[Evidence]:
    """Yield what the value of a field says."""
    for units in _stated(text):
        yield Evidence(units, where, text.strip())


def _as_name(text: str, where: str) -> Iterator[Evidence]:
    """Yield what the parts of a name say; a stated unit makes the calibrated quantity's moot."""
    stated = _stated(text)
    for units in stated:
        yield Evidence(units, where, text.strip())
    if not stated and any(map(_CALIBRATED.match, _words(text))):
        yield Evidence(Units.INTENSITY, where, text.strip(), is_statement=False)


def _stated(text: str) -> list[Units]:
    """Return the units that a text states.

    `intensity_db` is the intensity in dB, so dB; `linear amplitude` is amplitude.
    """
    words = [word for word in _words(text) if word in _WORDS]
    if len(set(words)) > 1:
        words = [word for word in words if word != "linear"]
    found = list(dict.fromkeys(_WORDS[word] for word in words))
    return [Units.DB] if Units.DB in found else found


def _in_file_name(name: str) -> Iterator[Evidence]:
    yield from _in_part(PurePosixPath(name).stem, "file name")


def _in_folder_names(name: str) -> Iterator[Evidence]:
    """Yield what the names of the folders say, the nearest first."""
    for part in PurePosixPath(name).parts[-2::-1]:
        yield from _in_part(part, "folder name")


def _in_part(text: str, where: str) -> Iterator[Evidence]:
    hyp3 = _HYP3.search(text)
    if hyp3:
        yield Evidence(_HYP3_SCALE[hyp3["scale"]], where, text)
    else:
        yield from _as_name(text, where)


def _counts_of_grd(name: str, dtype: str, *, is_measurement: bool) -> Evidence | None:
    """Return amplitude for the digital numbers of a GRD product; floats are no counts.

    Among the measurements of a product that is a statement, whatever its folder is called.
    """
    words = _words(PurePosixPath(name).stem)
    is_processed = any(map(_CALIBRATED.match, words))  # such counts are packed in some way
    is_grd = not is_processed and any(re.match(r"grd[fhm]?$", w) for w in _words(name))
    is_measurement = is_measurement or bool(_MEASUREMENT.match(PurePosixPath(name).name))
    is_count = dtype == "uint16" or (is_measurement and dtype in ("int16", "uint8", "uint32"))
    if not is_count or not (is_measurement or is_grd):
        return None
    where = "GRD product" if is_measurement else "GRD in the name"
    return Evidence(Units.AMPLITUDE, where, f"{dtype} counts", is_statement=is_measurement)


def _words(text: str) -> list[str]:
    """Return the parts of a name in small letters: `Sigma0_VV_dB` is sigma0, vv, db."""
    parts: Iterable[str] = _PARTS.split(
        _CAMEL.sub(" ", text.replace("dB", "db").replace("DB", "db"))
    )
    return [part.lower() for part in parts if part]
