"""JPEG2000 and HEVC intra at a byte budget: the codecs that a learned one is compared with.

Both take images of 8 bit, made from the same values in [0, 1] as a network's input (the rounding
alone would allow 58.9 dB), and are kept at or below the budget:

- JPEG2000: OpenJPEG through Pillow, irreversible 9/7 wavelet, one tile; every byte of the raw
  codestream counts, its header of about 100 bytes included, and there is no JP2 container.
- HEVC intra: x265 through pillow-heif, monochrome; the payload of the HEIF file counts (its mdat
  box). The container, about 370 bytes, and the parameter sets in it do not: at small budgets that
  favours HEVC.

Neither uses the network's training data, so there is no model file either.
"""

import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

from models.errors import ModelError

PEAK = 255
MAX_QUALITY = 100
USUAL_QUALITY = 34
"""Where SAR patches take 1 bit per pixel: the search for a quality starts near the answer."""

QUALITIES_PER_DOUBLING = 12
"""Steps of quality that double the bytes of SAR patches, about."""

FIRST_RAISE = 0.01
"""OpenJPEG may end a few bytes above the rate asked for: then a hundredth more is asked for, and
twice as much again with every further attempt."""

MAX_ATTEMPTS = 12
BOX_HEADER_BYTES = 8


@dataclass(frozen=True)
class CodedImage:
    """An image as a codec gives it back.

    Attributes:
        decoded: (H, W) in [0, 1].
        num_bytes: What counts as its code; see the module.
    """

    decoded: NDArray[np.float32]
    num_bytes: int


def to_8_bit(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return values in [0, 1] as the nearest of 256 levels; outside they are clipped.

    Example:
        >>> to_8_bit(np.array([[0.0, 0.5, 1.0, 1.2]])).tolist()
        [[0, 128, 255, 255]]
    """
    return np.asarray(np.rint(np.clip(image, 0.0, 1.0) * PEAK), np.uint8)


def encode_jpeg2000(image_u8: NDArray[np.uint8], max_bytes: int) -> CodedImage | None:
    """Codes and decodes an image with JPEG2000.

    Args:
        image_u8: (H, W) of 8 bit.
        max_bytes: The budget. What is used lies 1 to 15 % below it for images of 256 px.

    Returns:
        The decoded image and the size of its codestream; None where no codestream is so small.

    Raises:
        ModelError: When the image is not (H, W) of 8 bit, or the budget is below 1.
    """
    _check(image_u8, max_bytes)
    rate = image_u8.size / max_bytes
    for attempt in range(MAX_ATTEMPTS):
        code = _jpeg2000_bytes(image_u8, max(rate, 1.0))
        if len(code) <= max_bytes:
            return CodedImage(_decode_jpeg2000(code), len(code))
        rate *= 1 + FIRST_RAISE * 2**attempt
    return None


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
    _check(image_u8, max_bytes)
    bpp = 8 * max_bytes / image_u8.size
    likely = USUAL_QUALITY + round(QUALITIES_PER_DOUBLING * math.log2(bpp))
    files: dict[int, bytes] = {}

    def num_bytes(quality: int) -> int:
        files[quality] = _hevc_file(image_u8, quality)
        return _payload_bytes(files[quality])

    quality = _highest_quality(num_bytes, max_bytes, min(max(likely, 0), MAX_QUALITY))
    if quality < 0:
        return None
    decoded = np.asarray(pillow_heif.open_heif(files[quality]))
    return CodedImage(_to_unit(decoded), _payload_bytes(files[quality]))


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


def _jpeg2000_bytes(image_u8: NDArray[np.uint8], rate: float) -> bytes:
    """Return the codestream at a compression rate against 8 bit per pixel; 1 is the best."""
    file = io.BytesIO()
    Image.fromarray(image_u8).save(
        file,
        "JPEG2000",
        quality_mode="rates",
        quality_layers=[rate],
        irreversible=True,
        no_jp2=True,
    )
    return file.getvalue()


def _decode_jpeg2000(code: bytes) -> NDArray[np.float32]:
    with Image.open(io.BytesIO(code)) as image:
        return _to_unit(np.asarray(image))


def _hevc_file(image_u8: NDArray[np.uint8], quality: int) -> bytes:
    """Return the HEIF file of an image at a quality from 0 to 100."""
    height, width = image_u8.shape
    image = pillow_heif.from_bytes(mode="L", size=(width, height), data=image_u8.tobytes())
    file = io.BytesIO()
    image.save(file, quality=quality)
    return file.getvalue()


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


def _to_unit(image_u8: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.divide(image_u8, PEAK, dtype=np.float32)


def _check(image_u8: NDArray[np.uint8], max_bytes: int) -> None:
    if image_u8.ndim != 2 or image_u8.dtype != np.uint8 or not image_u8.size:
        raise ModelError(
            "a classical codec codes one (H, W) image of 8 bit, this one is "
            f"{image_u8.shape} of {image_u8.dtype}: see to_8_bit"
        )
    if max_bytes < 1:
        raise ModelError(f"a byte budget must be at least 1, found {max_bytes}: ask for more")
