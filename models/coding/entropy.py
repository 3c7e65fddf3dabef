"""Symbols to bytes and back, by asymmetric numeral systems (the library constriction).

The coder is a stack: what is encoded last is decoded first, so encoding runs backwards. Decoding
reads

1. of the static channels all table indices, channel by channel, and then the value of each escape,
   in the same order;
2. of the channels with contexts one symbol after the other, front by front (contexts.wavefronts),
   in a front channel by channel; an escape is followed by its value, because contexts look at it.

An escaped value is told by its distance from the nearer end of the table, signed, as a number of
0 to 8 bytes followed by those bytes, each equally likely.

Letters: C channels, h and w positions of a latent, p = h · w, m positions of a front.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from models.coding.contexts import Contexts, neighbour_places, wavefronts
from models.coding.symbol_model import SymbolModel, Symbols

NUM_LENGTHS = 9
BITS_PER_BYTE = 8
WORD_BYTES = 4


@dataclass(frozen=True, eq=False)
class SymbolCoder:
    """Codes the symbols of images whose channels follow known models.

    Attributes:
        contexts: Of the C channels.
        tables: For each channel, one for each class.
    """

    contexts: Contexts
    tables: tuple[tuple[SymbolModel, ...], ...]

    def encode(self, symbols: Symbols) -> bytes:
        """Symbols (C, h, w), below 2^53 in magnitude, as bytes without a header."""
        coder = constriction.stream.stack.AnsCoder()
        predictions, classes = self.contexts.of_symbols(symbols)
        residuals = symbols.reshape(predictions.shape) - predictions
        self._push_with_contexts(coder, residuals, classes, wavefronts(*symbols.shape[1:]))
        self._push_static(coder, residuals)
        words = np.asarray(coder.get_compressed(), dtype="<u4")
        # The last word is never 0, but most of its bytes may be.
        return words.tobytes().rstrip(b"\0")

    def decode(self, code: bytes, height: int, width: int) -> Symbols:
        """Inverts encode: symbols (C, height, width)."""
        words = np.frombuffer(code + bytes(-len(code) % WORD_BYTES), dtype="<u4")
        coder = constriction.stream.stack.AnsCoder(words.astype(np.uint32))
        symbols = np.empty((len(self.tables), height * width), np.int64)
        symbols[self._static] = self._pop_static(coder, height * width)
        symbols[self._used] = self._pop_with_contexts(coder, height, width)
        return symbols.reshape(-1, height, width)

    def estimate_bits(self, symbols: Symbols) -> float:
        """Return what the models expect the code to need: the sum of -log2 p, escapes included."""
        predictions, classes = self.contexts.of_symbols(symbols)
        residuals = symbols.reshape(predictions.shape) - predictions
        return sum(
            _estimate_bits(table, residuals[channel, classes[channel] == one])
            for channel, of_classes in enumerate(self.tables)
            for one, table in enumerate(of_classes)
        )

    def _push_static(self, coder: Any, residuals: Symbols) -> None:
        models = [self.tables[channel][0] for channel in self._static]
        rows = residuals[self._static]
        indices = [model.indices(row) for model, row in zip(models, rows, strict=True)]
        for value in reversed(list(_escaped(models, rows, indices))):
            _push_value(coder, value)
        for channel, places in zip(reversed(self._static), reversed(indices), strict=True):
            coder.encode_reverse(places, self._categoricals[channel][0])

    def _pop_static(self, coder: Any, num_positions: int) -> Symbols:
        models = [self.tables[channel][0] for channel in self._static]
        indices = np.empty((len(models), num_positions), np.int64)
        for row, channel in enumerate(self._static):
            indices[row] = coder.decode(self._categoricals[channel][0], num_positions)
        symbols = indices + np.array([model.low for model in models], np.int64)[:, None]
        for row, model in enumerate(models):
            for position in np.flatnonzero(indices[row] == model.escape):
                symbols[row, position] = _unwrap(_pop_value(coder), model)
        return np.asarray(symbols)

    def _push_with_contexts(
        self,
        coder: Any,
        residuals: Symbols,
        classes: NDArray[np.int64],
        fronts: Sequence[NDArray[np.intp]],
    ) -> None:
        """Push every symbol (C, p) of the channels with contexts, the last one first."""
        channels = [int(channel) for channel in self._used[::-1]]
        of_channels = [(residuals[c].tolist(), classes[c].tolist()) for c in channels]
        backwards = [front[::-1].tolist() for front in reversed(fronts)]
        for front in backwards:
            for channel, (values, of_values) in zip(channels, of_channels, strict=True):
                for position in front:
                    self._push_one(coder, channel, of_values[position], values[position])

    def _pop_with_contexts(self, coder: Any, height: int, width: int) -> Symbols:
        """Return the symbols of the channels with contexts, in order."""
        contexts = self.contexts.of_channels(self._used)
        known = contexts.begin(np.zeros((len(self._used), height * width), np.int64))
        places = neighbour_places(height, width)
        for front in wavefronts(height, width) if len(self._used) else ():
            predictions, classes = contexts.of_neighbours(known[:, places[:, front]])
            known[:, front] = predictions + [
                [self._pop_one(coder, channel, one) for one in row]
                for channel, row in zip(self._used.tolist(), classes.tolist(), strict=True)
            ]
        return known[:, :-1]

    def _push_one(self, coder: Any, channel: int, of_class: int, value: int) -> None:
        model = self.tables[channel][of_class]
        index = value - model.low
        if not 0 <= index < model.escape:
            index = model.escape
            _push_value(coder, _wrap(value, model))
        coder.encode_reverse(index, self._categoricals[channel][of_class])

    def _pop_one(self, coder: Any, channel: int, of_class: int) -> int:
        model = self.tables[channel][of_class]
        index = int(coder.decode(self._categoricals[channel][of_class]))
        return _unwrap(_pop_value(coder), model) if index == model.escape else model.low + index

    @cached_property
    def _used(self) -> NDArray[np.intp]:
        return self.contexts.in_use

    @cached_property
    def _static(self) -> NDArray[np.intp]:
        return np.setdiff1d(np.arange(len(self.tables)), self._used)

    @cached_property
    def _categoricals(self) -> list[list[Any]]:
        """The library's form of the models; building it takes longer than coding an image."""
        categorical = constriction.stream.model.Categorical
        return [
            [categorical(model.probabilities, perfect=False) for model in of_classes]
            for of_classes in self.tables
        ]


def _estimate_bits(model: SymbolModel, symbols: Symbols) -> float:
    indices = model.indices(symbols)
    of_escapes = sum(
        math.log2(NUM_LENGTHS) + BITS_PER_BYTE * _num_bytes(number)
        for number in _escaped([model], [symbols], [indices])
    )
    return float(model.bits[indices].sum()) + of_escapes


def _escaped(
    models: Sequence[SymbolModel],
    rows: Sequence[Symbols] | Symbols,
    indices: Sequence[NDArray[np.int32]],
) -> Iterator[int]:
    """Return the numbers that escapes stand for, in decoding order."""
    for model, row, places in zip(models, rows, indices, strict=True):
        for value in row[places == model.escape]:
            yield _wrap(int(value), model)


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
