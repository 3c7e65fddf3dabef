"""`corpus.json`: what a corpus is, as a value that is read and checked."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from data.errors import DataError
from data.stamp import CorpusStamp

CORPUS_VERSION = 1
INFO_FILE = "corpus.json"
HISTOGRAM_BINS = 32
HISTOGRAM_MARGIN_DB = 8.0


@dataclass(frozen=True)
class Bounds:
    """Clip bounds of one group and polarisation, fitted on its training patches.

    Attributes:
        group: Gain family.
        polarisation: "vv", "vh", "hh", "hv" or "unknown".
        low_db: 1st percentile, normalised to 0.
        high_db: 99th percentile, normalised to 1.
        histogram: Training pixels in HISTOGRAM_BINS equal bins from HISTOGRAM_MARGIN_DB below the
            low to as much above the high bound; empty where an earlier version counted none.
    """

    group: str
    polarisation: str
    low_db: float
    high_db: float
    histogram: tuple[int, ...] = ()


@dataclass(frozen=True)
class SourceRecord:
    """What the corpus remembers of one image.

    Attributes:
        name: The file's path below the given folder.
        band: Band in the file, counted from 1.
        sha256: Of the file.
        scene: Name of the acquisition.
        pass_id: Orbit pass, the unit of splitting.
        polarisation: "vv", "vh", "hh", "hv" or "unknown".
        group: Gain family.
        split: "train", "val" or "test"; "" for an image smaller than a patch, where no split file
            lists it.
        units: "amplitude", "intensity" or "db".
        units_reason: Where the units were taken from.
        product: Name of the Sentinel-1 product, "" where unknown.
        height_px: Rows.
        width_px: Columns.
        dtype: Type of the stored values.
        nodata: The file's mark of missing pixels, if any.
        full_scale: The value that means 0 dB.
        num_patches: Patches kept.
        num_dropped: Patches dropped because too few of their pixels are valid.
        array: The file of codes below the corpus folder, "" when no patch was kept.
        array_sha256: Of its codes.
        num_implausible_px: Pixels with values that no radar measures, made invalid.
        num_constant: Patches dropped because their valid pixels are all but equal.
        mask_source: How the file says which pixels are missing: "none", "nodata", "mask", "alpha".
        invalid_fraction: Share of the pixels of its patches, kept or not, that are invalid; None
            where no patch fits or an earlier version did not count them.
    """

    name: str
    band: int
    sha256: str
    scene: str
    pass_id: str
    polarisation: str
    group: str
    split: str
    units: str
    units_reason: str
    product: str
    height_px: int
    width_px: int
    dtype: str
    nodata: float | None
    full_scale: float
    num_patches: int
    num_dropped: int
    array: str
    array_sha256: str
    num_implausible_px: int = 0
    num_constant: int = 0
    mask_source: str = "none"
    invalid_fraction: float | None = None


@dataclass(frozen=True)
class CorpusInfo:
    """`corpus.json` as a value.

    Attributes:
        name: What people call the corpus.
        version: Format of the folder.
        patch_px: Patch side P.
        is_synthetic: True when no pixel was measured; reports say so.
        bounds: Clip bounds by group and polarisation.
        fingerprint: Of sources, options and split: the same inputs give the same 16 hex digits.
        split_fingerprint: Of which patch, with which content, is in which split.
        num_patches: Patches by split.
        attribution: The sentence to publish with what is made from the scenes, "" if none is known.
        options: The options of `data.prepare` that made it.
        sources: What is known of each image.
        left_out: Files below the given paths that are not used: name and reason.
    """

    name: str
    version: int
    patch_px: int
    is_synthetic: bool
    bounds: tuple[Bounds, ...]
    fingerprint: str
    split_fingerprint: str
    num_patches: Mapping[str, int]
    attribution: str
    options: Mapping[str, Any]
    sources: tuple[SourceRecord, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def stamp(self) -> CorpusStamp:
        """The corpus's identity."""
        return CorpusStamp(self.is_synthetic, self.name, self.fingerprint, self.split_fingerprint)


def read_info(path: Path) -> CorpusInfo:
    """Read and check `corpus.json`.

    Args:
        path: A corpus folder.

    Returns:
        Its content.

    Raises:
        DataError: When it is missing, of another version or damaged.
    """
    file = path / INFO_FILE
    if not file.is_file():
        raise DataError(
            f"a corpus is a folder with {INFO_FILE}, and {path} has none: make one with "
            f"`python -m data.prepare SCENES --out {quote(str(path))}`"
        )
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        version = fields["version"]
        if version == CORPUS_VERSION:
            bounds = tuple(
                Bounds(**bound | {"histogram": tuple(bound.get("histogram", ()))})
                for bound in fields.pop("bounds")
            )
            sources = tuple(SourceRecord(**source) for source in fields.pop("sources"))
            left_out = tuple((name, reason) for name, reason in fields.pop("left_out", ()))
            return CorpusInfo(
                bounds=bounds, sources=sources, left_out=left_out, **_known_fields(fields)
            )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise broken_corpus(path, f"its {INFO_FILE} cannot be read") from error
    raise DataError(
        f"this version of sar-tune reads corpora of version {CORPUS_VERSION}, and {path} has "
        f"version {version}: prepare it again into another folder"
    )


def _known_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Drop what describes the encoding for other readers: `calibration` fixes it per version."""
    fields.pop("encoding")
    return fields


def broken_corpus(path: Path, reason: str) -> DataError:
    """Return the refusal of a corpus that is not complete."""
    return DataError(
        f"a corpus must be complete, and {path} is not ({reason}): prepare it again into another "
        "folder, or delete this one first"
    )
