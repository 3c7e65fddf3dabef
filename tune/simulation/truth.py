"""What is known of a cell: configurations with the whole learning curve of each.

A night in simulated time takes one recorded training of every configuration; where several seeds
were trained, each night draws which one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tune.space.dimension import Dimension, Value, Values


@dataclass(frozen=True)
class Curve:
    """One training to its end.

    Attributes:
        scores: What is maximised, after each epoch: validation PSNR in dB, or SSIM.
        epochs_s: Seconds of each epoch, training and validation.
        is_diverged: Whether it ended early because a number was none any more.
    """

    scores: tuple[float, ...]
    epochs_s: tuple[float, ...]
    is_diverged: bool = False

    @property
    def best(self) -> float:
        """Score of the best epoch; minus infinity without one."""
        return max(self.scores, default=float("-inf"))


@dataclass(frozen=True)
class Configuration:
    """A configuration and its trainings, at least one, one per seed.

    Attributes:
        name: What a person finds it by: a trial's name, or its place in a design.
        values: One per dimension.
        curves: Its trainings.
    """

    name: str
    values: Values
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Truth:
    """All that is known of a cell.

    Attributes:
        label: What it is of, in a few words.
        max_epochs: Epochs of a training to its end.
        dimensions: What is searched.
        configurations: In the order of their recording, the hand-set one first if it is there.
        hand_set: The values of the hand-set point, which a night tries at the nearest configuration
            that was recorded; None where there is none.
        objective: What the scores are: psnr in dB, ssim or ms_ssim.
        left_out: A sentence for what could not be replayed.
    """

    label: str
    max_epochs: int
    dimensions: tuple[Dimension, ...]
    configurations: tuple[Configuration, ...]
    hand_set: Values | None = None
    objective: str = "psnr"
    left_out: tuple[str, ...] = ()

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Where each configuration lies, (configurations, dimensions); see `position_of`."""
        return np.array([self.position_of(one.values) for one in self.configurations])

    def position_of(self, values: Values) -> list[float]:
        """Return where values lie in the ranges, 0 to 1 each; names lie one apart from each other.

        Names are placed at their index, so that two that differ are at least a whole range apart.
        """
        return [_position(dimension, values[dimension.name]) for dimension in self.dimensions]

    def half(self, remainder: int) -> "Truth":
        """Return every second configuration, beginning with the first (0) or the second (1)."""
        return replace(self, configurations=self.configurations[remainder::2])

    def draw(self, seed: int) -> tuple[Curve, ...]:
        """Return one training of every configuration, drawn by a seed."""
        generator = np.random.default_rng([seed, _DRAW_STREAM])
        return tuple(
            one.curves[int(generator.integers(len(one.curves)))] for one in self.configurations
        )


_DRAW_STREAM = 0xD2A3
"""Keeps these draws apart from others with the same seed."""


def _position(dimension: Dimension, value: Value) -> float:
    known = dimension.position(value)
    if known is not None:
        return known
    return float(dimension.choices.index(value))


def values_of(row: Mapping[Any, Any], dimensions: Sequence[Dimension]) -> dict[str, Value]:
    """Return the values of the dimensions in a row of a table."""
    return {dimension.name: dimension.typed(row[dimension.name]) for dimension in dimensions}
