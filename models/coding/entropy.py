"""Symbols to bytes and back, by asymmetric numeral systems (the library constriction).

The coder is a stack: what is encoded last is decoded first, so encoding runs backwards. Decoding
reads all table indices, channel by channel, and then the value of each escape, in the same order.

An escaped value is told by its distance from the nearer end of the table, signed, as a number of
0 to 8 bytes followed by those bytes, each equally likely.

Letters: C channels, p positions of a channel.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from models.coding.symbol_model import SymbolModel, Symbols

NUM_LENGTHS = 9
BITS_PER_BYTE = 8
WORD_BYTES = 4


@dataclass(frozen=True, eq=False)
class SymbolCoder:
    """Codes the symbols of images whose channels follow known models.

    Attributes:
        models: One for each channel.
    """

    models: tuple[SymbolModel, ...]

    def encode(self, symbols: Symbols) -> bytes:
        """Symbols (C, p), below 2^61 in magnitude, as bytes without a header."""
        coder = constriction.stream.stack.AnsCoder()
        indices = [model.indices(row) for model, row in zip(self.models, symbols, strict=True)]
        for value in reversed(list(self._escaped(symbols, indices))):
            _push_value(coder, value)
        for table, places in zip(reversed(self._tables), reversed(indices), strict=True):
            coder.encode_reverse(places, table)
        words = np.asarray(coder.get_compressed(), dtype="<u4")
        # The last word is never 0, but most of its bytes may be.
        return words.tobytes().rstrip(b"\0")

    def decode(self, code: bytes, num_positions: int) -> Symbols:
        """Inverts encode: (C, num_positions) symbols."""
        words = np.frombuffer(code + bytes(-len(code) % WORD_BYTES), dtype="<u4")
        coder = constriction.stream.stack.AnsCoder(words.astype(np.uint32))
        rows = [np.asarray(coder.decode(table, num_positions)) for table in self._tables]
        indices = np.stack(rows).astype(np.int64)
        symbols: Symbols = indices + np.array([[model.low] for model in self.models])
        for channel, model in enumerate(self.models):
            for position in np.flatnonzero(indices[channel] == model.escape):
                symbols[channel, position] = _unwrap(_pop_value(coder), model)
        return symbols

    def estimate_bits(self, symbols: Symbols) -> float:
        """Return what the models expect the code to need: the sum of -log2 p, escapes included."""
        indices = [model.indices(row) for model, row in zip(self.models, symbols, strict=True)]
        of_tables = sum(
            float(m.bits[row].sum()) for m, row in zip(self.models, indices, strict=True)
        )
        of_escapes = sum(
            math.log2(NUM_LENGTHS) + BITS_PER_BYTE * _num_bytes(number)
            for number in self._escaped(symbols, indices)
        )
        return of_tables + of_escapes

    def _escaped(self, symbols: Symbols, indices: Sequence[NDArray[np.int32]]) -> Iterator[int]:
        """Return the numbers that escapes stand for, in decoding order."""
        for model, row, places in zip(self.models, symbols, indices, strict=True):
            for value in row[places == model.escape]:
                yield _wrap(int(value), model)

    @cached_property
    def _tables(self) -> list[Any]:
        """The library's form of the models; building it takes longer than coding an image."""
        categorical = constriction.stream.model.Categorical
        return [categorical(model.probabilities, perfect=False) for model in self.models]


def _wrap(value: int, model: SymbolModel) -> int:
    """Return a value outside the table as a number from 0: even above the table, odd below."""
    return 2 * (value - model.high - 1) if value > model.high else 2 * (model.low - value) - 1


def _unwrap(number: int, model: SymbolModel) -> int:
    return model.low - (number + 1) // 2 if number % 2 else model.high + 1 + number // 2


def _num_bytes(number: int) -> int:
    return (number.bit_length() + BITS_PER_BYTE - 1) // BITS_PER_BYTE


def _push_value(coder: Any, number: int) -> None:
    num_bytes = _num_bytes(number)
    digits = np.frombuffer(number.to_bytes(num_bytes, "little"), np.uint8).astype(np.int32)
    coder.encode_reverse(digits, constriction.stream.model.Uniform(256))
    coder.encode_reverse(num_bytes, constriction.stream.model.Uniform(NUM_LENGTHS))


def _pop_value(coder: Any) -> int:
    num_bytes = int(coder.decode(constriction.stream.model.Uniform(NUM_LENGTHS)))
    digits = np.asarray(coder.decode(constriction.stream.model.Uniform(256), num_bytes))
    return int.from_bytes(digits.astype(np.uint8).tobytes(), "little")
