"""Looking whether a TIFF's header is whole: GDAL drops a field that a cut file lost, and reads on.

Scale, offset, nodata and units are such fields at the end of many files; without them the pixels
are read, and wrong. Layout (TIFF 6.0 and BigTIFF): a directory lists fields of 12 (20) bytes, each
with tag, type, count and, where the values take more than 4 (8) bytes, their place in the file.
"""

import struct
from pathlib import Path
from typing import BinaryIO

_BYTES_OF_TYPE = {
    **dict.fromkeys((1, 2, 6, 7), 1),
    **dict.fromkeys((3, 8), 2),
    **dict.fromkeys((4, 9, 11, 13), 4),
    **dict.fromkeys((5, 10, 12, 16, 17, 18), 8),
}
# Overviews and masks have a directory each; more is a chain that was damaged into a circle.
_MAX_DIRECTORIES = 1000


def check_tiff_header(path: Path) -> None:
    """Look whether every field of a TIFF lies inside the file.

    Args:
        path: The file.

    Raises:
        ValueError: A field lies behind the end of the file.
        struct.error: A directory is cut.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        order = {b"II": "<", b"MM": ">"}.get(file.read(2), "")
        if not order:
            return
        (magic,) = _unpack(file, order + "H")
        is_big = magic == 43
        if is_big:
            file.seek(8)
        (place,) = _unpack(file, order + ("Q" if is_big else "I"))
        for _ in range(_MAX_DIRECTORIES):
            if not place:
                return
            file.seek(place)
            place = _check_directory(file, size, order, is_big=is_big)


def _check_directory(file: BinaryIO, size: int, order: str, *, is_big: bool) -> int:
    """Check the fields of one directory; give the place of the next, 0 after the last."""
    (count,) = _unpack(file, order + ("Q" if is_big else "H"))
    field = struct.Struct(order + ("HHQQ" if is_big else "HHII"))
    content = file.read(min(count * field.size, size))
    if len(content) < count * field.size:
        raise ValueError("its header is cut")
    for tag, kind, length, place in field.iter_unpack(content):
        num_bytes = _BYTES_OF_TYPE.get(kind, 0) * length
        if num_bytes > (8 if is_big else 4) and place + num_bytes > size:
            raise ValueError(f"field {tag} of its header lies behind its end")
    (following,) = _unpack(file, order + ("Q" if is_big else "I"))
    return int(following)


def _unpack(file: BinaryIO, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
