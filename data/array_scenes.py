"""Reading `.npy` and PNG, which hold one image each and say nothing about units or place.

An `.npy` file is mapped anew for every block, so memory holds no more than a block, in C or Fortran
order. A PNG of up to 80 million pixels is decoded whole (at most 160 MB). A larger one, up to 400
million pixels (a whole Sentinel-1 scene), is decoded line by line by GDAL: memory holds a block.
"""

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.raster_facts import Block, RasterFacts, ReadRows
from data.raster_masks import find_nodata
from data.rasters import open_raster

MAX_PNG_PX = 400_000_000
MAX_WHOLE_PNG_PX = 80_000_000
# Deflate, which packs PNG, makes nothing smaller than 1/1032.
MAX_DEFLATE = 1032

# The system maps whole pages around what is read of a column: at most 64 MB for so many.
_COLUMNS_AT_A_TIME = 1024

_PNG_START = struct.Struct(">8s4x4sIIBBBBB")
_COLOURS = {2: "RGB", 3: "P", 4: "LA", 6: "RGBA"}


@dataclass(frozen=True)
class _NpyHeader:
    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]
    offset: int


def read_npy_facts(path: Path) -> RasterFacts:
    """Read the header of an .npy file.

    Raises:
        DataError: It holds no plain image of 2 axes.
        ValueError: It is no .npy file, or shorter than its header says.
    """
    header = _read_npy_header(path)
    if header.dtype.hasobject:
        raise _refuse_objects(path, "an array of Python objects")
    if len(header.shape) != 2:
        raise DataError(
            f"an .npy scene is one image of 2 axes, and {path.name} has shape {header.shape}: "
            "save one polarisation per file"
        )
    height, width = header.shape
    expected = header.offset + height * width * header.dtype.itemsize
    if path.stat().st_size < expected:
        raise ValueError(f"{path.stat().st_size} bytes where its header says {expected}")
    return RasterFacts(height_px=height, width_px=width, dtype=str(header.dtype))


def _read_npy_header(path: Path) -> _NpyHeader:
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python 2's headers, which are read all the same
        start = file.read(2)
        if start == b"PK":
            raise DataError(
                f"an .npy scene is one array, and {path.name} is an archive of several (.npz): "
                "save one array per file with numpy.save"
            )
        if start[:1] == b"\x80" and start[1:] <= b"\x05":
            raise _refuse_objects(path, "a pickle of Python objects")
        file.seek(0)
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise DataError(
                f"an .npy scene has format version 1 or 2, and {path.name} has "
                f"{version[0]}.{version[1]}: save it again as a plain float32 array"
            )
        try:
            return _NpyHeader(*read(file), file.tell())
        except (TokenError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"its header cannot be read: {type(error).__name__}") from None


def _refuse_objects(path: Path, found: str) -> DataError:
    return DataError(
        f"an .npy scene is an array of numbers, and {path.name} holds {found}, which could run "
        "code when opened: save it as float32, numpy.save(path, image.astype('float32'))"
    )


@contextmanager
def open_npy(path: Path) -> Iterator[ReadRows]:
    """Give a function that reads rows of an .npy file."""
    read_npy_facts(path)
    header = _read_npy_header(path)

    read = _read_columns if header.is_fortran else _read_rows
    yield lambda start, stop: Block(read(path, header, start, stop))


def _read_rows(path: Path, header: _NpyHeader, start: int, stop: int) -> NDArray[Any]:
    image = np.memmap(path, header.dtype, mode="r", offset=header.offset, shape=header.shape)
    return np.array(image[start:stop])


def _read_columns(path: Path, header: _NpyHeader, start: int, stop: int) -> NDArray[Any]:
    """Read rows of an image whose columns lie one after the other, some columns at a time."""
    height, width = header.shape
    values = np.empty((min(stop, height) - start, width), header.dtype)
    for first in range(0, width, _COLUMNS_AT_A_TIME):
        count = min(_COLUMNS_AT_A_TIME, width - first)
        columns = np.memmap(
            path,
            header.dtype,
            mode="r",
            offset=header.offset + first * height * header.dtype.itemsize,
            shape=(height, count),
            order="F",
        )
        values[:, first : first + count] = columns[start:stop]
    return values


def read_png_facts(path: Path) -> RasterFacts:
    """Read the header of a PNG.

    Raises:
        DataError: It has colours, a palette or alpha, or is too large.
        ValueError: It is no PNG.
    """
    with path.open("rb") as file:
        start = file.read(_PNG_START.size)
    if len(start) < _PNG_START.size or not start.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("it does not start as a PNG does")
    _, chunk, width, height, depth, colour, _, _, interlace = _PNG_START.unpack(start)
    if chunk != b"IHDR":
        raise ValueError("its header is damaged")
    if colour != 0 or depth not in (8, 16):
        found = f"mode {_COLOURS[colour]}" if colour in _COLOURS else f"{depth} bit(s)"
        raise DataError(
            f"a PNG scene has one grey channel of 8 or 16 bits, and {path.name} has {found}: "
            "save it as greyscale"
        )
    _refuse_large(path, width, height, is_interlaced=bool(interlace))
    if width * height * depth // 8 > MAX_DEFLATE * path.stat().st_size:
        raise ValueError(f"its {path.stat().st_size} bytes cannot hold {height} x {width} pixels")
    nodata = _read_transparent(path) if width * height <= MAX_WHOLE_PNG_PX else None
    return RasterFacts(
        height_px=height,
        width_px=width,
        dtype="uint8" if depth == 8 else "uint16",
        nodata=nodata,
        full_scale=255.0 if depth == 8 else 65535.0,
        mask_source="none" if nodata is None else "nodata",
    )


def _refuse_large(path: Path, width: int, height: int, *, is_interlaced: bool) -> None:
    if width * height > MAX_PNG_PX:
        raise DataError(
            f"a PNG scene has at most {MAX_PNG_PX:,} pixels, and {path.name} has "
            f"{width * height:,}: cut it, or save it as GeoTIFF"
        )
    if is_interlaced and width * height > MAX_WHOLE_PNG_PX:
        raise DataError(
            f"a PNG scene of more than {MAX_WHOLE_PNG_PX:,} pixels must not be interlaced, and "
            f"{path.name} is: save it without interlacing, or as GeoTIFF"
        )


def _read_transparent(path: Path) -> float | None:
    """Give the grey value that a PNG calls transparent, and check that it is one that opens."""
    from PIL import Image

    with Image.open(path) as image:
        transparent = image.info.get("transparency")
    return float(transparent) if isinstance(transparent, int) else None


@contextmanager
def open_png(path: Path) -> Iterator[ReadRows]:
    """Give a function that reads rows of a PNG: whole up to 80 million pixels, else by lines."""
    facts = read_png_facts(path)
    if facts.height_px * facts.width_px > MAX_WHOLE_PNG_PX:
        with open_raster(path, cache_mb=32) as dataset:
            yield lambda start, stop: _block(
                dataset.read(1, window=((start, stop), (0, dataset.width))), dataset.nodata
            )
        return
    image = _load_png(path)
    yield lambda start, stop: _block(image[start:stop], facts.nodata)


def _load_png(path: Path) -> NDArray[Any]:
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)


def _block(values: NDArray[Any], nodata: float | None) -> Block:
    return Block(values, find_nodata(values, nodata))
