"""GDAL's ways to say that a pixel is missing.

A pixel is missing when any of the file's ways says so:

- a mask inside the file or an `.msk` beside it (what `gdal_translate -mask` writes) is 0,
- an alpha band is 0; it is no image band, also where GDAL itself ignores it (three bands, floats),
- the stored value, before scale and offset, is the band's nodata value (ENVI: data ignore value).

Where a file has both a mask and a nodata value GDAL looks at the mask alone; here both count. Large
nodata values are compared roughly, because writers round them to text: -3.40282e+38 means the
lowest float32, -3.4028235e+38. NaN and infinity never are measurements, whatever the file says.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# From here on a float nodata value is a fill value that may be rounded; no backscatter is as large.
LARGE_NODATA = 1e20
ROUNDING_OF_NODATA = 1e-3


def find_nodata(values: NDArray[Any], nodata: float | None) -> NDArray[np.bool_] | None:
    """Say which stored values differ from the nodata value.

    Args:
        values: Stored values, before scale and offset.
        nodata: The band's nodata value.

    Returns:
        True where a pixel is not nodata; None when there is no finite nodata value.
    """
    if nodata is None or not np.isfinite(nodata):
        return None
    if values.dtype.kind != "f":
        return np.asarray(values != nodata)
    limits = np.finfo(values.dtype)
    nearest = values.dtype.type(np.clip(nodata, float(limits.min), float(limits.max)))
    if abs(nodata) < LARGE_NODATA:
        return np.asarray(values != nearest)
    least = abs(nearest) * values.dtype.type(1 - ROUNDING_OF_NODATA)
    with np.errstate(over="ignore"):  # the largest float, rounded up, is infinite: no upper limit
        most = abs(nearest) * values.dtype.type(1 + ROUNDING_OF_NODATA)
    size = values * np.sign(nearest)
    return np.asarray(~((size >= least) & (size <= most)))


def alpha_band(dataset: Any) -> int | None:
    """Find the alpha band of an open file; a file whose only band is called alpha has none."""
    from rasterio.enums import ColorInterp

    if dataset.count < 2:
        return None
    pairs = zip(dataset.indexes, dataset.colorinterp, strict=True)
    return next((band for band, meaning in pairs if meaning is ColorInterp.alpha), None)


def has_mask(flags: Sequence[Any]) -> bool:
    """Say whether GDAL has a mask beyond nodata and alpha, which are compared here."""
    from rasterio.enums import MaskFlags

    is_nodata_of_all_bands = set(flags) == {MaskFlags.per_dataset, MaskFlags.nodata}
    compared = {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha}
    return is_nodata_of_all_bands or not compared & set(flags)


def name_mask(dataset: Any, bands: Sequence[int]) -> str:
    """Name the way in which an open file marks missing pixels, as in `RasterFacts.mask_source`."""
    flags, nodata = dataset.mask_flag_enums, dataset.nodatavals
    if any(has_mask(flags[band - 1]) for band in bands):
        return "mask"
    if alpha_band(dataset) is not None:
        return "alpha"
    has_nodata = any(nodata[band - 1] is not None for band in bands)
    return "nodata" if has_nodata else "none"
