"""Readers: one raster file in, its facts and its rows out.

Reads GeoTIFF and SAFE measurement TIFF, ENVI `.img` with `.hdr`, PNG of 8 or 16 bits and `.npy`.
Rows come in blocks, so that a whole Sentinel-1 scene (400 million pixels) never is in memory.
What a file's name or neighbours say about it (units, pass, polarisation) is in `sources`.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError

RASTER_SUFFIXES = (".tif", ".tiff", ".img")
SCENE_SUFFIXES = (*RASTER_SUFFIXES, ".png", ".npy")

# (first row, row after the last) -> values of these rows over the full width
ReadRows = Callable[[int, int], NDArray[Any]]

_FULL_SCALE_OF_PNG_MODE = {"L": 255.0, "I;16": 65535.0, "I": 65535.0}


@dataclass(frozen=True)
class RasterFacts:
    """What the header of a raster file says.

    Attributes:
        height_px: Rows.
        width_px: Columns.
        dtype: NumPy name of the stored type.
        nodata: The value that marks missing pixels, if the file names one.
        full_scale: The value that means 0 dB: 255 or 65535 for PNG, whose gain is unknown, else 1.
        band_names: One name per band, empty where the file gives none.
        metadata: The texts in which a writer may have stated the units.
    """

    height_px: int
    width_px: int
    dtype: str
    nodata: float | None = None
    full_scale: float = 1.0
    band_names: tuple[str, ...] = ("",)
    metadata: str = ""


def read_facts(path: Path) -> RasterFacts:
    """Read a file's header.

    Args:
        path: A file with one of `SCENE_SUFFIXES`.

    Returns:
        What the header says.

    Raises:
        DataError: When the file cannot be opened, is shorter than its header says, is complex or
            has a layout that is no single image.
    """
    with _refuse_broken(path):
        if path.suffix.lower() in RASTER_SUFFIXES:
            facts = _read_raster_facts(path)
        elif path.suffix.lower() == ".png":
            facts = _read_png_facts(path)
        else:
            facts = _read_npy_facts(path)
    if np.dtype(facts.dtype).kind not in "uif":
        raise DataError(
            f"scenes hold real numbers, and {path.name} holds {facts.dtype}: "
            "detect the image first (a GRD product, or the intensity of a complex one)"
        )
    return facts


@contextmanager
def open_rows(path: Path, band: int) -> Iterator[ReadRows]:
    """Open a file for reading blocks of rows.

    Args:
        path: A file with one of `SCENE_SUFFIXES`.
        band: The band, counted from 1; files that are not rasterio's have one.

    Yields:
        A function that takes the first row and the row after the last, and gives their values.

    Raises:
        DataError: When the file is truncated or damaged, on opening or at the block concerned.
    """
    with ExitStack() as stack:
        with _refuse_broken(path):
            if path.suffix.lower() in RASTER_SUFFIXES:
                dataset = stack.enter_context(_open_rasterio(path))
                read = partial(_read_window, dataset, band)
            else:
                read = partial(_slice_rows, _load_image(path))

        def read_rows(start: int, stop: int) -> NDArray[Any]:
            with _refuse_broken(path):
                return read(start, stop)

        yield read_rows


@contextmanager
def _refuse_broken(path: Path) -> Iterator[None]:
    """Turn what the decoders raise for a damaged file into one sentence."""
    from PIL import Image
    from rasterio.errors import RasterioError

    try:
        yield
    except DataError:
        raise
    except (
        OSError,
        ValueError,
        EOFError,
        SyntaxError,
        RasterioError,
        Image.DecompressionBombError,
    ) as error:
        reason = str(error.__cause__ or error).strip().rstrip(".") or type(error).__name__
        raise DataError(
            f"a scene file must be complete and readable, and {path.name} is not ({reason}): "
            "copy or download it again, or leave it out"
        ) from error


@contextmanager
def _open_rasterio(path: Path) -> Iterator[Any]:
    """Open with rasterio, quiet about missing georeferencing: patches need none."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = rasterio.open(path)
    with dataset:
        yield dataset


def _read_raster_facts(path: Path) -> RasterFacts:
    with _open_rasterio(path) as dataset:
        envi = dataset.tags(ns="ENVI")
        if dataset.driver == "ENVI":
            _refuse_short_envi(path, dataset, int(envi.get("header_offset", 0)))
        texts = [
            *(f"{key}={value}" for key, value in dataset.tags().items()),
            *(
                f"{key}={value}"
                for band in dataset.indexes
                for key, value in dataset.tags(band).items()
            ),
            envi.get("description", ""),
            *(name or "" for name in (*dataset.descriptions, *dataset.units)),
        ]
        return RasterFacts(
            height_px=dataset.height,
            width_px=dataset.width,
            dtype=dataset.dtypes[0],
            nodata=_finite_or_none(dataset.nodata),
            band_names=tuple(name or "" for name in dataset.descriptions),
            metadata=" ".join(text for text in texts if text),
        )


def _finite_or_none(nodata: float | None) -> float | None:
    """Forget a nodata value of NaN: such pixels are invalid without being told."""
    return nodata if nodata is not None and np.isfinite(nodata) else None


def _refuse_short_envi(path: Path, dataset: Any, header_offset: int) -> None:
    """Compare sizes: GDAL silently fills the missing end of an ENVI file with zeros."""
    itemsize = np.dtype(dataset.dtypes[0]).itemsize
    expected = header_offset + dataset.height * dataset.width * dataset.count * itemsize
    found = path.stat().st_size
    if found < expected:
        raise DataError(
            f"a scene file must be complete, and {path.name} has {found} bytes where its header "
            f"says {expected}: copy or download it again, or leave it out"
        )


def _read_png_facts(path: Path) -> RasterFacts:
    from PIL import Image

    with Image.open(path) as image:
        if image.mode not in _FULL_SCALE_OF_PNG_MODE:
            raise DataError(
                f"a PNG scene has one grey channel of 8 or 16 bits, and {path.name} has mode "
                f"{image.mode}: save it as greyscale"
            )
        full_scale = _FULL_SCALE_OF_PNG_MODE[image.mode]
        return RasterFacts(
            height_px=image.height,
            width_px=image.width,
            dtype="uint8" if full_scale == 255 else "uint16",
            full_scale=full_scale,
        )


def _load_image(path: Path) -> NDArray[Any]:
    if path.suffix.lower() == ".npy":
        mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)


def _slice_rows(image: NDArray[Any], start: int, stop: int) -> NDArray[Any]:
    return image[start:stop]


def _read_window(dataset: Any, band: int, start: int, stop: int) -> NDArray[Any]:
    values: NDArray[Any] = dataset.read(band, window=((start, stop), (0, dataset.width)))
    return values


def _read_npy_facts(path: Path) -> RasterFacts:
    image = np.load(path, mmap_mode="r", allow_pickle=False)
    if image.ndim != 2:
        raise DataError(
            f"an .npy scene is one image of 2 axes, and {path.name} has shape {image.shape}: "
            "save one polarisation per file"
        )
    return RasterFacts(height_px=image.shape[0], width_px=image.shape[1], dtype=str(image.dtype))
