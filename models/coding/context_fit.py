"""Which channels are worth a context: chosen on training latents that tables were not fitted on.

Three forms compete for every channel: static, classes of roughness around its median, and a
prediction by weights of least squares with classes of roughness around it. Tables of each are
fitted on every other image, and the form with the shortest code for the images between them wins,
if it saves MIN_SAVING. docs/DECISIONS.md has what other contexts gained.

Letters: N training images, C channels, h and w positions of a latent, p = h · w.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.coding.contexts import (
    MAX_WEIGHT,
    NEVER,
    NUM_NEIGHBOURS,
    WEIGHT_BITS,
    Contexts,
    neighbour_places,
)
from models.coding.symbol_model import SymbolModel, Symbols, fit_class_model, fit_symbol_model

NUM_CLASSES = 6
MIN_SAVING = 1 / 200
"""Of a channel's bits: less is noise, and a static channel decodes faster."""

Tables = tuple[SymbolModel, ...]
"""Of one channel, one for each class."""


class Conditioned(NamedTuple):
    """Training symbols as a context leaves them: what is coded, and in which class, (N, p) each."""

    residuals: Symbols
    classes: NDArray[np.int64]


def fit_contexts(symbols: Symbols) -> tuple[Contexts, tuple[Tables, ...]]:
    """Return contexts and tables of training symbols (N, C, h, w)."""
    places = neighbour_places(*symbols.shape[2:])
    fitted = [_fit_channel(_flat(row), places) for row in symbols.swapaxes(0, 1)]
    contexts = [context for context, _ in fitted]
    return (
        Contexts(
            np.concatenate([one.starts for one in contexts]),
            np.concatenate([one.weights for one in contexts]),
            np.concatenate([one.thresholds for one in contexts]),
        ),
        tuple(tables for _, tables in fitted),
    )


def _flat(channel: Symbols) -> Symbols:
    return channel.reshape(len(channel), -1)


def _fit_channel(symbols: Symbols, places: NDArray[np.intp]) -> tuple[Contexts, Tables]:
    """Return the best context of one channel (N, p), with its tables."""
    context = _context(0)
    conditioned = _condition(symbols, context, places)
    if len(symbols) > 1 and symbols.min() < symbols.max():
        least = (1 - MIN_SAVING) * _held_out_bits(conditioned)
        for candidate in _candidates(symbols, places):
            other = _condition(symbols, candidate, places)
            if (bits := _held_out_bits(other)) < least:
                context, conditioned, least = candidate, other, bits
    return context, _fit_tables(conditioned, int(context.num_classes[0]))


def _candidates(symbols: Symbols, places: NDArray[np.intp]) -> Iterator[Contexts]:
    start = int(np.median(symbols))
    for weights in (np.zeros(NUM_NEIGHBOURS, np.int64), _least_squares(symbols, start, places)):
        context = _context(start, weights)
        yield _context(start, weights, _thresholds(symbols, context, places))


def _context(
    start: int,
    weights: NDArray[np.int64] | None = None,
    thresholds: NDArray[np.int64] | None = None,
) -> Contexts:
    """Return the context of one channel; without weights or thresholds it has none."""
    of_weights = np.zeros(NUM_NEIGHBOURS, np.int64) if weights is None else weights
    of_thresholds = np.full(NUM_CLASSES - 1, NEVER)
    if thresholds is not None:
        of_thresholds[: len(thresholds)] = thresholds
    return Contexts(np.array([start]), of_weights[None], of_thresholds[None])


def _neighbours(symbols: Symbols, start: int, places: NDArray[np.intp]) -> Symbols:
    """(N, 4, p) neighbours of a channel (N, p)."""
    return np.pad(symbols, ((0, 0), (0, 1)), constant_values=start)[:, places]


def _condition(symbols: Symbols, context: Contexts, places: NDArray[np.intp]) -> Conditioned:
    """Return what a context of one channel leaves to be coded of it, (N, p)."""
    neighbours = _neighbours(symbols, int(context.starts[0]), places)
    # Every image stands beside the others, as if all were one channel.
    in_row = np.moveaxis(neighbours, 1, 0).reshape(1, NUM_NEIGHBOURS, -1)
    predictions, classes = context.of_neighbours(in_row)
    return Conditioned(symbols - predictions.reshape(symbols.shape), classes.reshape(symbols.shape))


def _least_squares(symbols: Symbols, start: int, places: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the weights of neighbours that predict best, in 256ths."""
    apart = (_neighbours(symbols, start, places) - start).astype(np.float64)
    apart = np.moveaxis(apart, 1, 0).reshape(NUM_NEIGHBOURS, -1)
    covariance = apart @ apart.T
    ridge = 1e-6 * np.trace(covariance) + np.finfo(np.float64).tiny
    aims = apart @ (symbols.ravel() - start)
    weights = np.linalg.solve(covariance + ridge * np.eye(NUM_NEIGHBOURS), aims)
    whole = np.rint(np.clip(weights * 2**WEIGHT_BITS, -MAX_WEIGHT, MAX_WEIGHT))
    return np.asarray(whole, np.int64)


def _thresholds(symbols: Symbols, context: Contexts, places: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return the roughness that parts a channel's symbols into classes of about equal size."""
    neighbours = _neighbours(symbols, int(context.starts[0]), places)
    in_row = np.moveaxis(neighbours, 1, 0).reshape(1, NUM_NEIGHBOURS, -1)
    roughness = context.roughness(in_row).ravel()
    shares = np.arange(1, NUM_CLASSES) / NUM_CLASSES
    thresholds = np.unique(np.quantile(roughness, shares, method="higher"))
    return np.asarray(thresholds[thresholds > roughness.min()], np.int64)


def _fit_tables(conditioned: Conditioned, num_classes: int) -> Tables:
    residuals, classes = conditioned.residuals.ravel(), conditioned.classes.ravel()
    of_channel = fit_symbol_model(residuals.astype(np.float64))
    if num_classes == 1:
        return (of_channel,)
    return tuple(
        fit_class_model(residuals[classes == one], of_channel) for one in range(num_classes)
    )


def _held_out_bits(conditioned: Conditioned) -> float:
    """Return what odd images cost with the tables of even ones."""
    residuals, classes = conditioned.residuals, conditioned.classes
    tables = _fit_tables(Conditioned(residuals[::2], classes[::2]), int(classes.max()) + 1)
    held_out, of_class = residuals[1::2], classes[1::2]
    return sum(
        float(table.bits[table.indices(held_out[of_class == one])].sum())
        for one, table in enumerate(tables)
    )
