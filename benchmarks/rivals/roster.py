"""Who takes part."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata

from benchmarks.rivals import stock_ray, syne, syne_promotion
from benchmarks.rivals.loop import Limits, Maker, run_rival
from benchmarks.rivals.two_stage import two_stage
from tune.simulation.night import Night
from tune.simulation.truth import Truth
from tune.space.dimension import Values

Play = Callable[[Truth, int, Limits, Sequence[Values]], Night]
"""Runs one night from the truth, a seed, its limits and the points to try first."""

STAGES = ((40, 4), (60, 6), (120, 12))
"""First and kept configurations of the two-stage rivals."""


def rivals(truth: Truth) -> dict[str, Play]:
    """Return all rivals that can search a truth, by name; Syne Tune's as its version has them.

    Two-stage rivals with more configurations than were recorded are left out.
    """
    return {name: partial(_play, maker) for name, maker in _makers(truth).items()}


def _makers(truth: Truth) -> dict[str, Maker]:
    found: dict[str, Maker] = {
        f"one epoch for {first}, best {kept}": two_stage(first, kept)
        for first, kept in STAGES
        if first <= len(truth.configurations)
    }
    found["Ray Optuna"] = stock_ray.optuna_full
    found["Ray ASHA+Optuna"] = stock_ray.optuna_asha
    found["Ray median+Optuna"] = stock_ray.optuna_median
    return found | {f"Syne {name}": maker for name, maker in syne_makers().items()}


def syne_makers() -> dict[str, Maker]:
    """Return those of the installed version of Syne Tune; none without it."""
    try:
        version = metadata.version("syne-tune")
    except metadata.PackageNotFoundError:
        return {}
    return syne_promotion.makers() if version.startswith("0.13.") else syne.makers()


def _play(
    maker: Maker, truth: Truth, seed: int, limits: Limits, known: Sequence[Values] = ()
) -> Night:
    return run_rival(truth, maker(truth, seed, known), seed, limits)
