"""Latents as real bytes: a quantiser and an entropy coder fitted on training latents.

    y ─ y / step ─ rounding ─ symbols ─ contexts, tables, ANS ─ bytes ─ symbols ─ restoration ─ ŷ

Every channel has a step of its own. Rounding weighs bits (models.coding.rounding), and restoration
makes up for what that dims (models.coding.restoration). A symbol's table is that of its channel and
of what its neighbours say (models.coding.contexts).

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
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from models.coding.coder_arrays import CoderParts, from_arrays, to_arrays
from models.coding.context_fit import fit_contexts
from models.coding.entropy import SymbolCoder
from models.coding.restoration import Restoration, fit_restoration
from models.coding.rounding import RATE_WEIGHT, round_by_cost, round_plainly
from models.coding.symbol_model import Symbols
from models.errors import ModelError

CHECKSUM_BYTES = 4
MAX_SYMBOL = 2**53
"""Above it a double no longer tells neighbouring symbols apart."""


@dataclass(frozen=True, eq=False)
class LatentCoder:
    """Quantiser and entropy coder of one model at one set of steps; stored with the model.

    Attributes:
        parts: Steps and restoration, contexts and tables.
    """

    parts: CoderParts

    @classmethod
    def fit(
        cls, latents: Tensor, steps: ArrayLike, rate_weight: float = RATE_WEIGHT
    ) -> "LatentCoder":
        """Fits contexts and tables.

        Args:
            latents: Of training images, (N, C, h, w), as the encoder gives them.
            steps: Widths of quantisation cells, above 0: one for all channels, or (C,).
            rate_weight: What a bit is worth when rounding, in squared steps; 0 rounds plainly.

        Raises:
            ModelError: When there are no latents, one is not finite or beyond 2^53 steps, or a
                step is not above 0 or not one for each channel.

        Example:
            >>> latents = torch.randn(8, 2, 16, 16, generator=torch.Generator().manual_seed(0))
            >>> coder = LatentCoder.fit(latents, steps=0.5)
            >>> code = coder.encode(latents[0])
            >>> torch.equal(coder.decode(code), coder.quantise(latents[0]))
            True
        """
        if latents.ndim != 4 or not latents.numel():
            raise ModelError(
                "an entropy coder is fitted on latents of shape (N, C, h, w), they are "
                f"{tuple(latents.shape)}: encode at least one training image"
            )
        of_channels = _checked_steps(steps, latents.shape[1])
        scaled = _scale(latents, of_channels)
        plain = round_plainly(scaled)
        contexts, tables = fit_contexts(plain)
        if not rate_weight:
            return cls(CoderParts(Restoration.plain(of_channels), contexts, tables, 0.0))
        chosen = np.stack([round_by_cost(one, contexts, tables, rate_weight) for one in scaled])
        # What is coded are symbols rounded by cost: contexts and tables follow them.
        restoration = fit_restoration(of_channels, scaled, plain, chosen)
        return cls(CoderParts(restoration, *fit_contexts(chosen), float(rate_weight)))

    @property
    def steps(self) -> NDArray[np.float64]:
        """Widths of quantisation cells, in units of the latent, (C,)."""
        return self.parts.restoration.steps

    @property
    def step(self) -> float:
        """The geometric mean of the steps: one number for how coarse the coder is."""
        steps = self.steps
        if (steps == steps[0]).all():
            return float(steps[0])
        return float(np.exp(np.log(steps).mean()))

    def quantise(self, latent: Tensor) -> Tensor:
        """Return latents as decoded from their bytes, float32, on the CPU.

        Args:
            latent: (C, h, w), or several, (N, C, h, w).

        Raises:
            ModelError: As `encode`.
        """
        if latent.ndim == 4:
            return torch.stack([self.quantise(one) for one in latent])
        return self._restore(self._symbols(latent))

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
        return self._restore(self._coder.decode(body[start:], height, width))

    def estimate_bits(self, latent: Tensor) -> float:
        """Return the bits that the entropy coder expects for a latent (C, h, w), without header."""
        return self._coder.estimate_bits(self._symbols(latent))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the coder as plain arrays, to be stored with the model; see from_arrays."""
        return to_arrays(self.parts)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "LatentCoder":
        """Return the coder that to_arrays describes, of this version or of the first.

        Raises:
            ModelError: When the arrays are of another version.
        """
        return cls(from_arrays(arrays))

    def _symbols(self, latent: Tensor) -> Symbols:
        """(C, h, w) symbols of one latent."""
        parts, num_channels = self.parts, len(self.steps)
        if latent.ndim != 3 or len(latent) != num_channels or not latent.numel():
            raise ModelError(
                f"this coder codes latents of shape ({num_channels}, h, w), this one is "
                f"{tuple(latent.shape)}: use the coder of the model that encoded it, image by image"
            )
        scaled = _scale(latent, self.steps)
        return round_by_cost(scaled, parts.contexts, parts.tables, parts.rate_weight)

    def _restore(self, symbols: Symbols) -> Tensor:
        values = self.parts.restoration.restore(symbols)
        return torch.from_numpy(values.astype(np.float32))

    def _checksum(self, body: bytes) -> bytes:
        return zlib.crc32(body, self._fingerprint).to_bytes(CHECKSUM_BYTES, "big")

    @cached_property
    def _coder(self) -> SymbolCoder:
        return SymbolCoder(self.parts.contexts, self.parts.tables)

    @cached_property
    def _fingerprint(self) -> int:
        """Checksum of steps, contexts and tables: bytes of another coder must not decode."""
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


def _checked_steps(steps: ArrayLike, num_channels: int) -> NDArray[np.float64]:
    """Return one step for each channel, (C,)."""
    given = np.asarray(steps, np.float64)
    if not (np.isfinite(given) & (given > 0)).all():
        raise ModelError(f"a quantiser step must be above 0, found {given}: pass positive ones")
    if given.shape not in ((), (num_channels,)):
        raise ModelError(
            f"steps are one number, or one for each of {num_channels} channels, found an array of "
            f"shape {given.shape}: pass as many as the latents have channels"
        )
    return np.array(np.broadcast_to(given, num_channels))


def _scale(latent: Tensor, steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values (..., C, h, w) over the steps, in float64."""
    values: NDArray[np.float64] = latent.detach().cpu().double().numpy()
    scaled = values / steps[:, None, None]
    if not (np.abs(scaled) < MAX_SYMBOL).all():  # false for NaN too
        raise ModelError(
            "latents must be finite and below 2^53 steps to be coded, and some of these are not "
            f"at steps from {steps.min():g}: look at the model's training, or take larger steps"
        )
    return scaled


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
