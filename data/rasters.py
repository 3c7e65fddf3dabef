"""Reading GeoTIFF and ENVI with GDAL: masks, nodata, alpha, scale and offset.

A pixel is missing when any of the file's ways says so:

- a mask inside the file or an `.msk` beside it (what `gdal_translate -mask` writes) is 0,
- an alpha band is 0; it is no image band, also where GDAL itself ignores it (three bands, floats),
- the stored value, before scale and offset, is the band's nodata value (ENVI: data ignore value).

Where a file has both a mask and a nodata value GDAL looks at the mask alone; here both count. Large
nodata values are compared roughly, because writers round them to text: -3.40282e+38 means the
lowest float32, -3.4028235e+38. NaN and infinity never are measurements, whatever the file says.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.raster_facts import Block, RasterFacts, ReadRows
from data.tiff_header import check_tiff_header

# From here on a float nodata value is a fill value that may be rounded; no backscatter is as large.
LARGE_NODATA = 1e20
ROUNDING_OF_NODATA = 1e-3
# A file can be this much smaller than its pixels (an empty tiled TIFF is 32,768 times smaller).
MAX_COMPRESSION = 40_000
# No stack of images is as high; a damaged header may say 65,535.
MAX_BANDS = 1000


@contextmanager
def open_raster(path: Path, cache_mb: int = 256) -> Iterator[Any]:
    """Open with rasterio, quiet about missing georeferencing: patches need none.

    Args:
        path: The file.
        cache_mb: Megabytes of decoded blocks that GDAL may hold; a row of tiles should fit.

    Yields:
        The dataset.

    Raises:
        RasterioError: The file cannot be opened.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with rasterio.Env(GDAL_CACHEMAX=cache_mb * 2**20):  # in bytes, unlike GDAL itself
        # A nodata value beyond the range of its type makes NumPy warn; GDAL's mask knows it.
        with warnings.catch_warnings(), np.errstate(over="ignore"):
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            dataset = rasterio.open(path)
        with dataset:
            yield dataset


def read_raster_facts(path: Path) -> RasterFacts:
    """Read the header of a GeoTIFF or ENVI file.

    Raises:
        DataError: The file is shorter than its header says, or its scales are no numbers.
        RasterioError: The file cannot be opened.
    """
    with open_raster(path) as dataset:
        envi = dataset.tags(ns="ENVI")
        _refuse_short(path, dataset, envi)
        bands = image_bands(dataset)
        if len(bands) > MAX_BANDS:
            raise ValueError(f"its header says {len(bands)} bands")
        scalings = _read_scalings(path, dataset)
        tags = [dataset.tags(), *(dataset.tags(band) for band in bands)]
        pairs = tuple((key, value) for tag in tags for key, value in tag.items())
        description = envi.get("description", "").strip("{} \n")
        names, units = _of_bands(dataset.descriptions, bands), _of_bands(dataset.units, bands)
        return RasterFacts(
            height_px=dataset.height,
            width_px=dataset.width,
            dtype=_choose_dtype(_of_bands(dataset.dtypes, bands)),
            nodata=_finite_or_none(dataset.nodatavals[bands[0] - 1]),
            band_names=names,
            metadata=" ".join(
                text
                for text in (*(f"{k}={v}" for k, v in pairs), description, *names, *units)
                if text
            ),
            mask_source=_name_mask(dataset, bands),
            scales=tuple(scalings[band - 1][0] for band in bands),
            offsets=tuple(scalings[band - 1][1] for band in bands),
            band_units=units,
            description=description,
            tags=pairs,
            **_read_footprint(dataset),
        )


def image_bands(dataset: Any) -> list[int]:
    """List the bands that hold pixels, counted from 1: all but alpha."""
    alpha = _alpha_band(dataset)
    return [band for band in dataset.indexes if band != alpha]


def raster_reader(path: Path, dataset: Any, band: int) -> ReadRows:
    """Prepare reading an image band.

    Args:
        path: The file, for messages.
        dataset: The open file.
        band: Counted from 1 among the image bands.

    Returns:
        A function that reads rows.
    """
    number = image_bands(dataset)[band - 1]
    return partial(
        _read_block,
        dataset,
        number,
        dataset.nodatavals[number - 1],
        _alpha_band(dataset),
        _has_mask(dataset.mask_flag_enums[number - 1]),
        _read_scalings(path, dataset)[number - 1],
    )


def _read_block(
    dataset: Any,
    band: int,
    nodata: float | None,
    alpha: int | None,
    has_mask: bool,
    scaling: tuple[float, float],
    start: int,
    stop: int,
) -> Block:
    window = ((start, stop), (0, dataset.width))
    values: NDArray[Any] = dataset.read(band, window=window)
    masks = [find_nodata(values, nodata)]
    if has_mask:
        masks.append(dataset.read_masks(band, window=window) != 0)
    if alpha is not None:
        masks.append(dataset.read(alpha, window=window) > 0)
    given = [mask for mask in masks if mask is not None]
    valid = np.logical_and.reduce(given) if given else None
    return Block(_scale(values, *scaling), valid)


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


def _scale(values: NDArray[Any], scale: float, offset: float) -> NDArray[Any]:
    if (scale, offset) == (1.0, 0.0):
        return values
    with np.errstate(over="ignore", invalid="ignore"):  # infinity is invalid, as it should be
        return np.asarray(values.astype(np.float64) * scale + offset)


def _read_scalings(path: Path, dataset: Any) -> list[tuple[float, float]]:
    """Give scale and offset of every band, alpha too."""
    pairs = list(zip(map(float, dataset.scales), map(float, dataset.offsets), strict=True))
    for scale, offset in pairs:
        if scale == 0 or not np.isfinite([scale, offset]).all():
            raise DataError(
                "a band's scale is a number other than 0 and its offset a number, and "
                f"{path.name} has {scale:g} and {offset:g}: correct its header, or leave it out"
            )
    return pairs


def _alpha_band(dataset: Any) -> int | None:
    """Find the alpha band; a file whose only band is called alpha has none."""
    from rasterio.enums import ColorInterp

    if dataset.count < 2:
        return None
    pairs = zip(dataset.indexes, dataset.colorinterp, strict=True)
    return next((band for band, meaning in pairs if meaning is ColorInterp.alpha), None)


def _has_mask(flags: Sequence[Any]) -> bool:
    """Say whether GDAL has a mask beyond nodata and alpha, which are compared here."""
    from rasterio.enums import MaskFlags

    is_nodata_of_all_bands = set(flags) == {MaskFlags.per_dataset, MaskFlags.nodata}
    compared = {MaskFlags.all_valid, MaskFlags.nodata, MaskFlags.alpha}
    return is_nodata_of_all_bands or not compared & set(flags)


def _name_mask(dataset: Any, bands: Sequence[int]) -> str:
    flags, nodata = dataset.mask_flag_enums, dataset.nodatavals
    if any(_has_mask(flags[band - 1]) for band in bands):
        return "mask"
    if _alpha_band(dataset) is not None:
        return "alpha"
    has_nodata = any(nodata[band - 1] is not None for band in bands)
    return "nodata" if has_nodata else "none"


def _of_bands(texts: Sequence[str | None], bands: Sequence[int]) -> tuple[str, ...]:
    return tuple(texts[band - 1] or "" for band in bands)


def _choose_dtype(dtypes: Sequence[str]) -> str:
    """Give the type of the bands; where they differ, one that is no real number comes first."""
    return next((name for name in dtypes if np.dtype(name).kind not in "uif"), dtypes[0])


def _finite_or_none(nodata: float | None) -> float | None:
    """Forget a nodata value of NaN: such pixels are invalid without being told."""
    return nodata if nodata is not None and np.isfinite(nodata) else None


def _read_footprint(dataset: Any) -> dict[str, Any]:
    """Read coordinate system and bounds, from the transform or from ground control points."""
    from rasterio.errors import RasterioError

    try:
        points, crs = dataset.gcps
        if dataset.transform.is_identity and points:
            x, y = [point.x for point in points], [point.y for point in points]
        elif not dataset.transform.is_identity:
            crs, (height, width) = dataset.crs, dataset.shape
            corners = ((0, 0), (width, 0), (0, height), (width, height))
            a, b, left, d, e, top = dataset.transform[:6]
            x = [a * column + b * row + left for column, row in corners]
            y = [d * column + e * row + top for column, row in corners]
        else:
            return {}
        bounds = tuple(float(side) for side in (min(x), min(y), max(x), max(y)))
        if not np.isfinite(bounds).all():
            return {}
        return {"crs": crs.to_string() if crs else "", "bounds": bounds}
    except RasterioError:  # a georeference that cannot be read is none: pixels need no place
        return {}


def _refuse_incomplete_envi(path: Path, dataset: Any, envi: dict[str, str]) -> None:
    """Refuse a header without what decides the pixels: GDAL takes what is missing for granted."""
    needed = ["data type"]
    needed += ["byte order"] if np.dtype(dataset.dtypes[0]).itemsize > 1 else []
    needed += ["interleave"] if dataset.count > 1 else []
    missing = [name for name in needed if name.replace(" ", "_") not in envi]
    if missing:
        raise DataError(
            f"the header of an ENVI file states {', '.join(needed)}, and that of {path.name} lacks "
            f"{', '.join(missing)}: copy it again, or add the line"
        )


def _refuse_short(path: Path, dataset: Any, envi: dict[str, str]) -> None:
    """Compare sizes: GDAL silently fills what an ENVI file or a header's claim lacks with zeros."""
    if not path.is_file():  # inside an archive
        return
    if dataset.driver == "GTiff":
        check_tiff_header(path)
    if dataset.driver == "ENVI":
        _refuse_incomplete_envi(path, dataset, envi)
    itemsize = max(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
    expected, found = dataset.height * dataset.width * dataset.count * itemsize, path.stat().st_size
    if dataset.driver == "ENVI":
        expected += int(envi.get("header_offset", 0))
    if found < (expected if dataset.driver == "ENVI" else expected / MAX_COMPRESSION):
        raise DataError(
            f"a scene file must be complete, and {path.name} has {found} bytes where its header "
            f"says {expected}: copy or download it again, or leave it out"
        )
