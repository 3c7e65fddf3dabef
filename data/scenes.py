"""The door to scene files: one file in, its facts and its rows out.

Reads GeoTIFF and SAFE measurement TIFF, ENVI `.img` with `.hdr`, PNG of 8 or 16 bits and `.npy`.
Rows come in blocks, so that a whole Sentinel-1 scene (400 million pixels) never is in memory.
How each type is read is in `rasters` and `array_scenes`; what a file's name or neighbours say about
it (units, pass, polarisation) is in `sources`.
"""

import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from data.array_scenes import open_npy, open_png, read_npy_facts, read_png_facts
from data.errors import DataError
from data.raster_facts import Block, RasterFacts, ReadRows
from data.rasters import open_raster, raster_reader, read_raster_facts

__all__ = [
    "RASTER_SUFFIXES",
    "SCENE_SUFFIXES",
    "Block",
    "RasterFacts",
    "ReadRows",
    "open_rows",
    "read_facts",
]

RASTER_SUFFIXES = (".tif", ".tiff", ".img")
SCENE_SUFFIXES = (*RASTER_SUFFIXES, ".png", ".npy")


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
            facts = read_raster_facts(path)
        elif path.suffix.lower() == ".png":
            facts = read_png_facts(path)
        else:
            facts = read_npy_facts(path)
    kind = np.dtype(facts.dtype).kind
    if kind not in "uif":
        advice = (
            "detect the image first (a GRD product, or the intensity of a complex one)"
            if kind == "c"
            else "save it as float32"
        )
        raise DataError(f"scenes hold real numbers, and {path.name} holds {facts.dtype}: {advice}")
    return facts


@contextmanager
def open_rows(path: Path, band: int) -> Iterator[ReadRows]:
    """Open a file for reading blocks of rows.

    Args:
        path: A file with one of `SCENE_SUFFIXES`.
        band: The image band, counted from 1 as in `RasterFacts.band_names` (alpha does not
            count); files that are not rasterio's have one.

    Yields:
        A function that takes the first row and the row after the last, and gives their block.

    Raises:
        DataError: When the file is truncated or damaged, on opening or at the block concerned.
    """
    with ExitStack() as stack:
        with _refuse_broken(path):
            if path.suffix.lower() in RASTER_SUFFIXES:
                dataset = stack.enter_context(open_raster(path))
                read = raster_reader(path, dataset, band)
            else:
                opener = open_npy if path.suffix.lower() == ".npy" else open_png
                read = stack.enter_context(opener(path))

        def read_rows(start: int, stop: int) -> Block:
            with _refuse_broken(path):
                return read(start, stop)

        yield read_rows


@contextmanager
def _refuse_broken(path: Path) -> Iterator[None]:
    """Turn what the decoders raise for a damaged file into one sentence."""
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
        MemoryError,
        OverflowError,
        struct.error,
        RasterioError,
    ) as error:
        reason = str(error.__cause__ or error).strip().rstrip(".") or type(error).__name__
        raise DataError(
            f"a scene file must be complete and readable, and {path.name} is not ({reason}): "
            "copy or download it again, or leave it out"
        ) from error
