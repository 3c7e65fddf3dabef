"""What every reader of scenes gives: the facts of a header, and blocks of rows with their mask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RasterFacts:
    """What the header of a raster file says, band by band for its image bands (alpha is none).

    Attributes:
        height_px: Rows.
        width_px: Columns.
        dtype: NumPy name of the stored type, before scale and offset.
        nodata: The stored value that marks missing pixels, if the file names a finite one.
        full_scale: The value that means 0 dB: 255 or 65535 for PNG, whose gain is unknown, else 1.
        band_names: One name per band, empty where the file gives none.
        mask_source: How the file says which pixels are missing: "none", "nodata", "mask" (inside
            the file or an .msk beside it) or "alpha".
        scales: Factor per band that the reader applies to stored values.
        offsets: Summand per band that the reader adds after the factor.
        band_units: The units each band states, empty where it states none.
        description: What an ENVI header says in `description`, else empty.
        tags: Keys and values of the file's tags, then of each band's.
        crs: The coordinate system, such as "EPSG:32617"; empty if none.
        bounds: West, south, east and north in `crs`; None when the file is not georeferenced.
    """

    height_px: int
    width_px: int
    dtype: str
    nodata: float | None = None
    full_scale: float = 1.0
    band_names: tuple[str, ...] = ("",)
    mask_source: str = "none"
    scales: tuple[float, ...] = (1.0,)
    offsets: tuple[float, ...] = (0.0,)
    band_units: tuple[str, ...] = ("",)
    description: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    crs: str = ""
    bounds: tuple[float, float, float, float] | None = None

    @property
    def is_scaled(self) -> bool:
        """Whether stored values are not yet what they measure."""
        return any(scale != 1.0 for scale in self.scales) or any(self.offsets)

    @property
    def holds_counts(self) -> bool:
        """Whether values are integers that mean themselves."""
        return not self.dtype.startswith("float") and not self.is_scaled


@dataclass(frozen=True)
class Block:
    """Some rows of an image over its full width.

    Attributes:
        values: Pixel values after scale and offset.
        valid: Where the file does not mark a pixel as missing; None when it marks none.
    """

    values: NDArray[Any]
    valid: NDArray[np.bool_] | None = None


# (first row, row after the last) -> these rows
ReadRows = Callable[[int, int], Block]
