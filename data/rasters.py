"""Reading GeoTIFF and ENVI with GDAL: header, rows, scale and offset.

Which pixels are missing is in `raster_masks`, whether a TIFF's header is whole in `tiff_header`.
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
from data.raster_masks import alpha_band, find_nodata, has_mask, name_mask
from data.text import as_text, is_text
from data.tiff_header import check_tiff_header

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
        DataError: Its path is no UTF-8.
        RasterioError: The file cannot be opened.
    """
    if not is_text(str(path)):
        raise DataError(
            f"a scene that GDAL reads has a path in UTF-8, and {as_text(str(path))} is in another "
            "encoding: rename it, or give it another name with a link"
        )
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
            mask_source=name_mask(dataset, bands),
            scales=tuple(scalings[band - 1][0] for band in bands),
            offsets=tuple(scalings[band - 1][1] for band in bands),
            band_units=units,
            description=description,
            tags=pairs,
            **_read_footprint(dataset),
        )


def image_bands(dataset: Any) -> list[int]:
    """List the bands that hold pixels, counted from 1: all but alpha."""
    alpha = alpha_band(dataset)
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
        alpha_band(dataset),
        has_mask(dataset.mask_flag_enums[number - 1]),
        _read_scalings(path, dataset)[number - 1],
    )


def _read_block(
    dataset: Any,
    band: int,
    nodata: float | None,
    alpha: int | None,
    is_masked: bool,
    scaling: tuple[float, float],
    start: int,
    stop: int,
) -> Block:
    window = ((start, stop), (0, dataset.width))
    values: NDArray[Any] = dataset.read(band, window=window)
    masks = [find_nodata(values, nodata)]
    if is_masked:
        masks.append(dataset.read_masks(band, window=window) != 0)
    if alpha is not None:
        masks.append(dataset.read(alpha, window=window) > 0)
    given = [mask for mask in masks if mask is not None]
    valid = np.logical_and.reduce(given) if given else None
    return Block(_scale(values, *scaling), valid)


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
