"""Latents as real bytes: a uniform quantiser and an entropy coder fitted on training latents.

    y ─ round(y / step) ─ symbols ─ ANS, one table per channel ─ bytes ─ symbols ─ · step ─ ŷ

The bytes of an image hold all that a decoder needs besides the model file, which holds the tables:

    CRC-32 of the rest and of the tables, 4 bytes | height, width as varints | code

so a latent of up to 127 x 127 positions has a header of 6 bytes. Decoding returns exactly the
quantised latent, or raises.

Letters: N images, C channels, h and w positions of a latent, H and W pixels.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.coding.entropy import SymbolCoder
from models.coding.symbol_model import SymbolModel, Symbols, fit_symbol_model
from models.errors import ModelError

CHECKSUM_BYTES = 4
MAX_SYMBOL = 2**53
"""Above it a double no longer tells neighbouring symbols apart."""


@dataclass(frozen=True, eq=False)
class LatentCoder:
    """Quantiser and entropy coder of one model at one step; stored with the model.

    Attributes:
        step: Width of a quantisation cell, in units of the latent, above 0.
        channels: The tables, one for each latent channel.
    """

    step: float
    channels: tuple[SymbolModel, ...]

    @classmethod
    def fit(cls, latents: Tensor, step: float) -> "LatentCoder":
        """Fits the tables.

        Args:
            latents: Of training images, (N, C, h, w), as the encoder gives them.
            step: Width of a quantisation cell, above 0.

        Raises:
            ModelError: When there are no latents, one is not finite or beyond 2^53 steps, or the
                step is not above 0.

        Example:
            >>> latents = torch.randn(8, 2, 16, 16, generator=torch.Generator().manual_seed(0))
            >>> coder = LatentCoder.fit(latents, step=0.5)
            >>> code = coder.encode(latents[0])
            >>> torch.equal(coder.decode(code), coder.quantise(latents[0]))
            True
        """
        if not (np.isfinite(step) and step > 0):
            raise ModelError(f"a quantiser step must be above 0, found {step}: pass a positive one")
        if latents.ndim != 4 or not latents.numel():
            raise ModelError(
                "an entropy coder is fitted on latents of shape (N, C, h, w), they are "
                f"{tuple(latents.shape)}: encode at least one training image"
            )
        scaled = _scale(latents, step)
        return cls(
            float(step), tuple(fit_symbol_model(row.ravel()) for row in scaled.swapaxes(0, 1))
        )

    def quantise(self, latent: Tensor) -> Tensor:
        """Return the latent as decoded from its bytes: multiples of the step, float32, on the CPU.

        Args:
            latent: Of any shape.

        Raises:
            ModelError: When a value is not finite or beyond 2^53 steps.
        """
        return _restore(_round(latent, self.step), self.step)

    def encode(self, latent: Tensor) -> bytes:
        """All bytes that a decoder needs for one image.

        Args:
            latent: (C, h, w).

        Raises:
            ModelError: When the shape does not fit, or a value is not finite or beyond 2^53 steps.
        """
        symbols = self._symbols(latent)
        height, width = latent.shape[1:]
        body = _varint(height) + _varint(width) + self._coder.encode(symbols)
        return self._checksum(body) + body

    def decode(self, code: bytes) -> Tensor:
        """Return the quantised latent of an image, (C, h, w) in float32 on the CPU.

        Raises:
            ModelError: When the bytes are damaged, or were written with other tables.
        """
        body = code[CHECKSUM_BYTES:]
        if self._checksum(body) != code[:CHECKSUM_BYTES]:
            raise ModelError(
                "the bytes of an image must carry the checksum of what the coder wrote, these "
                f"{len(code)} bytes do not: they are damaged or of another model, encode it again"
            )
        height, start = _read_varint(body, 0)
        width, start = _read_varint(body, start)
        symbols = self._coder.decode(body[start:], height * width)
        return _restore(symbols.reshape(-1, height, width), self.step)

    def estimate_bits(self, latent: Tensor) -> float:
        """Return the bits that the entropy coder expects for a latent (C, h, w), without header."""
        return self._coder.estimate_bits(self._symbols(latent))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the coder as plain arrays, to be stored with the model; see from_arrays."""
        return {
            "step": np.array(self.step),
            "lows": np.array([model.low for model in self.channels], np.int64),
            "sizes": np.array([len(model.frequencies) for model in self.channels], np.int64),
            "frequencies": np.concatenate([model.frequencies for model in self.channels]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "LatentCoder":
        """Return the coder that to_arrays describes."""
        tables = np.split(arrays["frequencies"].astype(np.uint32), np.cumsum(arrays["sizes"])[:-1])
        models = (SymbolModel(int(low), t) for low, t in zip(arrays["lows"], tables, strict=True))
        return cls(float(arrays["step"]), tuple(models))

    def _symbols(self, latent: Tensor) -> Symbols:
        """(C, h * w) symbols of one latent."""
        if latent.ndim != 3 or len(latent) != len(self.channels) or not latent.numel():
            raise ModelError(
                f"this coder codes latents of shape ({len(self.channels)}, h, w), this one is "
                f"{tuple(latent.shape)}: use the coder of the model that encoded it, image by image"
            )
        return _round(latent, self.step).reshape(len(latent), -1)

    def _checksum(self, body: bytes) -> bytes:
        return zlib.crc32(body, self._fingerprint).to_bytes(CHECKSUM_BYTES, "big")

    @cached_property
    def _coder(self) -> SymbolCoder:
        return SymbolCoder(self.channels)

    @cached_property
    def _fingerprint(self) -> int:
        """Checksum of step and tables: bytes of another coder must not decode."""
        checksum = 0
        for array in self.to_arrays().values():
            checksum = zlib.crc32(array.tobytes(), checksum)
        return checksum


def rate_bpp(code: bytes, height_px: int, width_px: int) -> float:
    """Bits per pixel of the unpadded image: every byte of its code counts, the model's none.

    Example:
        >>> rate_bpp(bytes(8192), 256, 256)
        1.0
    """
    return 8 * len(code) / (height_px * width_px)


def _scale(latent: Tensor, step: float) -> NDArray[np.float64]:
    """Return values over the step, in float64."""
    scaled: NDArray[np.float64] = latent.detach().cpu().double().numpy() / step
    if not (np.abs(scaled) < MAX_SYMBOL).all():  # false for NaN too
        raise ModelError(
            "latents must be finite and below 2^53 steps to be coded, and some of these are not "
            f"at a step of {step:g}: look at the model's training, or take a larger step"
        )
    return scaled


def _round(latent: Tensor, step: float) -> Symbols:
    return np.rint(_scale(latent, step)).astype(np.int64)


def _restore(symbols: Symbols, step: float) -> Tensor:
    return torch.from_numpy((symbols * step).astype(np.float32))


def _varint(number: int) -> bytes:
    """Seven bits per byte, lowest first; the eighth says that more follow."""
    digits = bytearray()
    while number > 127:
        digits.append(number % 128 + 128)
        number //= 128
    return bytes([*digits, number])


def _read_varint(code: bytes, start: int) -> tuple[int, int]:
    """Return the number at start, and where the next thing begins."""
    number = shift = 0
    while code[start] > 127:
        number += (code[start] - 128) << shift
        start, shift = start + 1, shift + 7
    return number + (code[start] << shift), start + 1
