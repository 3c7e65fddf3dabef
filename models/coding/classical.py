"""JPEG2000 at a byte budget, and what it shares with the other codecs of `heif_codecs`.

A classical codec takes images of 8 bit, made from the same values in [0, 1] as a network's input
(the rounding alone would allow 58.9 dB), and is kept at or below a budget of bytes. It does not use
the network's training data, so there is no model file either.

JPEG2000 is OpenJPEG's through Pillow, irreversible 9/7 wavelet, one tile; every byte of the raw
codestream counts, its header of about 100 bytes included, and there is no JP2 container.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import ModelError

PEAK = 255
FIRST_RAISE = 0.01
"""OpenJPEG may end a few bytes above the rate asked for: then a hundredth more is asked for, and
twice as much again with every further attempt."""

MAX_ATTEMPTS = 12


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
    check_image(image_u8, max_bytes)
    rate = image_u8.size / max_bytes
    for attempt in range(MAX_ATTEMPTS):
        code = _jpeg2000_bytes(image_u8, max(rate, 1.0))
        if len(code) <= max_bytes:
            return CodedImage(_decode_jpeg2000(code), len(code))
        rate *= 1 + FIRST_RAISE * 2**attempt
    return None


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
        return to_unit(np.asarray(image))


def to_unit(image_u8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return 256 levels as values in [0, 1], of any shape."""
    return np.divide(image_u8, PEAK, dtype=np.float32)


def check_image(image_u8: NDArray[np.uint8], max_bytes: int) -> None:
    """Refuse what is no (H, W) image of 8 bit, and a budget below 1.

    Raises:
        ModelError: If so.
    """
    if image_u8.ndim != 2 or image_u8.dtype != np.uint8 or not image_u8.size:
        raise ModelError(
            "a classical codec codes one (H, W) image of 8 bit, this one is "
            f"{image_u8.shape} of {image_u8.dtype}: see to_8_bit"
        )
    if max_bytes < 1:
        raise ModelError(f"a byte budget must be at least 1, found {max_bytes}: ask for more")
