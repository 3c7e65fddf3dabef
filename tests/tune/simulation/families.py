"""Families of learning curves whose answer is known: what a rule must and cannot see in them."""

import numpy as np

from tune.simulation.truth import Configuration, Curve, Truth
from tune.space.ranges import build_space

DIMENSIONS = build_space(["learning_rate"], ["learning_rate=1e-4:1e-2"]).dimensions
EPOCHS = 9


def truth_of(curves: list[list[Curve]], max_epochs: int = EPOCHS) -> Truth:
    """A truth of these trainings, one list per configuration; learning rates rise."""
    rates = np.geomspace(1e-4, 1e-2, len(curves))
    configurations = tuple(
        Configuration(str(number), {"learning_rate": float(rate)}, tuple(seeds))
        for number, (rate, seeds) in enumerate(zip(rates, curves, strict=True))
    )
    return Truth("family", max_epochs, DIMENSIONS, configurations)


def curve(scores: list[float], epoch_s: float = 10.0, is_diverged: bool = False) -> Curve:
    """A curve whose epochs all take equally long."""
    return Curve(tuple(scores), tuple([epoch_s] * len(scores)), is_diverged)


def parallel(count: int, gap_db: float = 0.2) -> Truth:
    """Curves that never cross: the order after one epoch is the order at the end."""
    return truth_of(
        [[curve([20 + gap_db * n + 0.08 * e for e in range(EPOCHS)])] for n in range(count)]
    )


def late_crossers(count: int) -> Truth:
    """Every curve rises faster the lower it starts: the order at the end is the opposite one."""
    return truth_of([[curve([20 - n + 0.5 * n * e for e in range(EPOCHS)])] for n in range(count)])


def noisy(count: int, noise_db: float, num_seeds: int, seed: int = 0) -> Truth:
    """Equally good configurations: all differences are noise."""
    generator = np.random.default_rng(seed)
    trend = 20 + 0.1 * np.arange(EPOCHS)
    return truth_of(
        [
            [curve(list(trend + generator.normal(0, noise_db, EPOCHS))) for _ in range(num_seeds)]
            for _ in range(count)
        ]
    )


def diverging(count: int) -> Truth:
    """Every second configuration diverges in its third epoch, having led until then."""
    return truth_of(
        [
            [curve([30.0, 31.0], is_diverged=True)]
            if number % 2
            else [curve([20 + 0.1 * number] * EPOCHS)]
            for number in range(count)
        ]
    )
