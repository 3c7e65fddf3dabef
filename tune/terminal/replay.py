"""What a replay found, as text: the rank correlations, the table of settings, the answer."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from models.training.objective import OBJECTIVES
from tune.simulation.regret import rank_correlations
from tune.simulation.truth import Truth
from tune.statistics.replayed import Mean, Replayed, answer, unit_of

BARS = "▁▂▃▄▅▆▇█"
LEAST_DRAWN = 1 / 64
"""A regret below this share of the largest one is drawn as the lowest bar."""


def draw_replays(console: Console, truth: Truth, replays: Sequence[Replayed]) -> None:
    """Print what replays of one truth found.

    Args:
        console: Where to write.
        truth: What was replayed.
        replays: One per setting, all with as many nights.
    """
    first, unit = replays[0], unit_of(truth.objective)
    console.print(
        f"{truth.label}: {len(truth.configurations)} configurations, {truth.max_epochs} epochs, "
        f"{first.num_nights} nights per setting",
        style="bold",
        markup=False,
    )
    console.print(rank_sentence(truth), markup=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("setting", overflow="fold")
    for name in ("epochs", f"regret {unit}", "false stops", "lost", "to near"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("regret by budget", no_wrap=True)
    most = max(point.regret.value for one in replays for point in one.points)
    for one in replays:
        table.add_row(*row(one, most))
    console.print(table)
    console.print(
        "epochs: share of trials x epochs that was spent; lost: nights that stopped what would "
        "have won; to near: median epochs to within "
        f"{OBJECTIVES[truth.objective].near:g} {unit}; bars: regret from 5 to "
        "100 % of the budget, each a factor of two",
        style="dim",
        markup=False,
    )
    console.print(answer(replays, len(truth.configurations)), markup=False)


def row(one: Replayed, most: float) -> tuple[str, ...]:
    """Return the cells of a setting; `most` is the regret of the highest bar."""
    near = "never" if math.isinf(one.epochs_to_near) else f"{one.epochs_to_near:.0f}"
    stops = "-" if one.false_stops is None else _percent(one.false_stops)
    regret = f"{one.regret.value:.3f}"
    if one.regret.half is not None:
        regret += f" ±{one.regret.half:.3f}"
    return (
        one.setting + (" (own)" if one.is_own else ""),
        f"{one.share_spent:.0%}",
        regret,
        stops,
        f"{one.lost:.0%}",
        near,
        bars([point.regret.value for point in one.points], most),
    )


def bars(values: Sequence[float], most: float) -> str:
    """Return a bar per value, a factor of two per step, the highest for `most`.

    >>> bars([1.0, 0.5, 0.0], 1.0)
    '█▇▁'
    """
    if most <= 0:
        return BARS[0] * len(values)
    shares = (max(value / most, LEAST_DRAWN / 2) for value in values)
    heights = (len(BARS) - 1 + math.log2(share) for share in shares)
    return "".join(BARS[min(max(round(height), 0), len(BARS) - 1)] for height in heights)


def rank_sentence(truth: Truth) -> str:
    """Return how well each epoch foretells the end."""
    known = [
        f"{value:+.2f} after epoch {epoch}"
        for epoch, value in enumerate(rank_correlations(truth), start=1)
        if value is not None
    ]
    return "rank correlation with the end: " + (", ".join(known) or "unknown")


def _percent(mean: Mean) -> str:
    return f"{mean.value:.0%}" + ("" if mean.half is None else f" ±{100 * mean.half:.0f}")
