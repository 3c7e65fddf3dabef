"""HEVC intra and AVIF at a byte budget: two codecs in the container of HEIF.

As JPEG2000 (see `classical`) they take an image of 8 bit and are kept at or below a budget. Both
are set by a quality from 0 to 100, and the highest one that fits is searched for. The payload of
the file counts (its mdat box); the container does not, which at small budgets favours them.

- HEVC intra: x265 through pillow-heif, monochrome. The container, about 370 bytes, has the
  parameter sets in it.
- AVIF, the intra part of AV1: libaom through Pillow, monochrome, tuned for PSNR, at speed 4. Speed
  6, the usual one, is ten times as fast and 0.1 to 0.3 dB behind; speed 3 is slower and at most 0.2
  dB ahead. The container has about 270 bytes; the sequence header, 13, is in the payload.
"""

import io
import math
from collections.abc import Callable, Iterator

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from models.coding.classical import CodedImage, check_image, to_unit

MAX_QUALITY = 100
USUAL_QUALITY = 36
"""Where SAR patches take 1 bit per pixel: the search for a quality starts near the answer."""

QUALITIES_PER_DOUBLING = 12
"""Steps of quality that double the bytes of SAR patches, about."""

BOX_HEADER_BYTES = 8
AVIF_SPEED = 4
AVIF_LOOK_SPEED = 7
"""Where the search looks first: 15 times as fast, its sizes are near those of the speed above."""


def encode_hevc_intra(image_u8: NDArray[np.uint8], max_bytes: int) -> CodedImage | None:
    """Codes and decodes an image with HEVC intra, at the highest quality that the budget allows.

    There are 101 qualities, so what is used lies up to a tenth below the budget. Where a higher
    quality needs fewer bytes, which x265 now and then does, a higher one may be missed.

    Args:
        image_u8: (H, W) of 8 bit.
        max_bytes: The budget for the payload.

    Returns:
        The decoded image and the size of its payload; None where the lowest quality needs more.

    Raises:
        ModelError: When the image is not (H, W) of 8 bit, or the budget is below 1.
    """
    check_image(image_u8, max_bytes)
    first = _likely_quality(image_u8.size, max_bytes)
    file = _largest_file(lambda quality: _hevc_file(image_u8, quality), max_bytes, first)
    if file is None:
        return None
    decoded = np.asarray(pillow_heif.open_heif(file))
    return CodedImage(to_unit(decoded), _payload_bytes(file))


def encode_avif(image_u8: NDArray[np.uint8], max_bytes: int) -> CodedImage | None:
    """Codes and decodes an image with AVIF, at the highest quality that the budget allows.

    The 101 qualities are 64 different ones, so what is used lies up to a tenth below the budget.

    Args:
        image_u8: (H, W) of 8 bit.
        max_bytes: The budget for the payload.

    Returns:
        The decoded image and the size of its payload; None where the lowest quality needs more.

    Raises:
        ModelError: When the image is not (H, W) of 8 bit, or the budget is below 1.
    """
    check_image(image_u8, max_bytes)
    first = _likely_quality(image_u8.size, max_bytes)
    looked = _highest_quality(
        lambda quality: _payload_bytes(_avif_file(image_u8, quality, AVIF_LOOK_SPEED)),
        max_bytes,
        first,
    )
    file = _largest_file(
        lambda quality: _avif_file(image_u8, quality, AVIF_SPEED),
        max_bytes,
        max(looked, 0),
    )
    return None if file is None else CodedImage(_decode_avif(file), _payload_bytes(file))


def _likely_quality(num_pixels: int, max_bytes: int) -> int:
    doublings = math.log2(8 * max_bytes / num_pixels)
    return min(max(USUAL_QUALITY + round(QUALITIES_PER_DOUBLING * doublings), 0), MAX_QUALITY)


def _largest_file(make: Callable[[int], bytes], max_bytes: int, first: int) -> bytes | None:
    """Return the file of the highest quality whose payload fits, None where none does."""
    files: dict[int, bytes] = {}

    def num_bytes(quality: int) -> int:
        files[quality] = make(quality)
        return _payload_bytes(files[quality])

    return files.get(_highest_quality(num_bytes, max_bytes, first))


def _highest_quality(num_bytes: Callable[[int], int], max_bytes: int, first: int) -> int:
    """Return the highest quality that fits, -1 where none does, in few evaluations.

    Every evaluation says how far to go if sizes doubled as usual, within what is still open.
    """
    quality, fits, too_large = first, -1, MAX_QUALITY + 1
    while True:
        size = num_bytes(quality)
        if size <= max_bytes:
            fits = quality
        else:
            too_large = quality
        if too_large - fits == 1:
            return fits
        ahead = round(QUALITIES_PER_DOUBLING * math.log2(max_bytes / size))
        quality = min(max(quality + ahead, fits + 1), too_large - 1)


def _hevc_file(image_u8: NDArray[np.uint8], quality: int) -> bytes:
    """Return the HEIF file of an image at a quality from 0 to 100."""
    height, width = image_u8.shape
    image = pillow_heif.from_bytes(mode="L", size=(width, height), data=image_u8.tobytes())
    file = io.BytesIO()
    image.save(file, quality=quality)
    return file.getvalue()


def _avif_file(image_u8: NDArray[np.uint8], quality: int, speed: int) -> bytes:
    """Return the AVIF file of an image at a quality from 0 to 100 and a speed from 0 to 10."""
    file = io.BytesIO()
    Image.fromarray(image_u8).save(
        file,
        "AVIF",
        codec="aom",
        subsampling="4:0:0",
        quality=quality,
        speed=speed,
        max_threads=1,  # so that bytes do not depend on the machine
        autotiling=False,
        advanced={"tune": "psnr"},
    )
    return file.getvalue()


def _decode_avif(file: bytes) -> NDArray[np.float32]:
    with Image.open(io.BytesIO(file)) as image:
        return to_unit(np.asarray(image.convert("L")))


def _payload_bytes(heif_file: bytes) -> int:
    """Return bytes of coded picture data: the content of the boxes `mdat`."""
    return sum(size for kind, size in _boxes(heif_file) if kind == b"mdat")


def _boxes(heif_file: bytes) -> Iterator[tuple[bytes, int]]:
    """Type and content size of the outermost boxes (ISO/IEC 14496-12, sizes of 32 bit)."""
    start = 0
    while start < len(heif_file):
        size = int.from_bytes(heif_file[start : start + 4], "big")
        if size < BOX_HEADER_BYTES:
            raise ValueError(f"a box of {size} bytes at {start}: HEIF files of 4 GB are not read")
        yield heif_file[start + 4 : start + BOX_HEADER_BYTES], size - BOX_HEADER_BYTES
        start += size
