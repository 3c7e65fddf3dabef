"""Which bands of a file hold backscatter, and of which polarisation."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from data.errors import DataError
from data.products import is_derived
from data.raster_facts import RasterFacts

UNKNOWN_POLARISATION = "unknown"

_POLARISATION = re.compile(r"(?:^|[^a-z])(vv|vh|hh|hv)(?![a-z])", re.IGNORECASE)


def names_polarisation(text: str) -> bool:
    """Say whether a text names a polarisation.

    >>> names_polarisation("s1_VV.tif"), names_polarisation("savvy.tif")
    (True, False)
    """
    return _POLARISATION.search(text) is not None


def choose_bands(name: str, facts: RasterFacts, bands: Sequence[str]) -> list[tuple[int, str]]:
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
    if not chosen and len(bands) == len(facts.band_names):
        return list(enumerate(bands, start=1))
    if not chosen:
        raise DataError(
            f"a file of several bands must name their polarisations, and {name} has "
            f"{len(told)} bands without: give them, as in --bands vv,vh, or "
            "export one band per file"
        )
    return chosen


def _polarisations(text: str) -> list[str]:
    """Return the different polarisations that a text names."""
    return list(dict.fromkeys(match[1].lower() for match in _POLARISATION.finditer(text)))
