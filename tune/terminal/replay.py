"""What a replay found, as text: the rank correlations, the table of settings, the answer."""

import math
from collections.abc import Sequence

from rich.console import Console

from models.training.objective import OBJECTIVES
from tune.simulation.regret import rank_correlations
from tune.simulation.truth import Truth
from tune.statistics.replayed import Mean, Replayed, answer, unit_of
from tune.terminal.table import Column, draw_table
from tune.terminal.words import say

BARS = "▁▂▃▄▅▆▇█"
BARS_HEADING = "regret by budget"
BARS_WORDS = "regret at 5 to 100 % of the budget, a factor of two each"
LEAST_DRAWN = 1 / 64
"""A regret below this share of the largest one is drawn as the lowest bar."""


def draw_replays(console: Console, truth: Truth, replays: Sequence[Replayed]) -> None:
    """Print what replays of one truth found.

    Args:
        console: Where to write; where it is narrow, the bars go first, then the hours.
        truth: What was replayed.
        replays: One per setting, all with as many nights.
    """
    unit = unit_of(truth.objective)
    shared = shared_words(replays)
    say(
        console,
        f"{truth.label}: {len(truth.configurations)} configurations, {truth.max_epochs} epochs, "
        f"{replays[0].num_nights} nights per setting{shared and ', '}{shared}",
        style="bold",
    )
    say(console, rank_sentence(truth))
    left_out = draw_table(console, columns(replays, unit, shared))
    near = f"{OBJECTIVES[truth.objective].near:g} {unit}"
    say(
        console,
        "epochs: of trials x epochs. regret: at the end, with its 95 % interval. false: stops "
        "that were wrong. lost: nights that stopped what would have won. to near: epochs until "
        f"the regret is at most {near}."
        + (f" Bars: {BARS_WORDS}." if BARS_HEADING not in left_out else ""),
        style="dim",
    )
    say(console, answer(replays, len(truth.configurations)))


def columns(replays: Sequence[Replayed], unit: str, shared: str) -> list[Column]:
    """Return what every setting came to, a row per setting; `shared` as of `row`."""
    names, *others = zip(*(row(one, shared) for one in replays), strict=True)
    headings = ("epochs", f"regret {unit}", "false", "lost", "to near")
    most = max(point.regret.value for one in replays for point in one.points)
    drawn = [bars([point.regret.value for point in one.points], most) for one in replays]
    return [
        Column("setting", names, is_words=True),
        *(Column(heading, cells) for heading, cells in zip(headings, others, strict=True)),
        Column("hours", [f"{one.hours.value:.2f}" for one in replays], priority=1),
        Column(BARS_HEADING, drawn, priority=2),
    ]


def shared_words(replays: Sequence[Replayed]) -> str:
    """Return what all settings say after their rule; empty where they differ in it."""
    said = {one.setting.partition(", ")[2] for one in replays}
    return said.pop() if len(said) == 1 else ""


def row(one: Replayed, shared: str) -> tuple[str, ...]:
    """Return the cells of a setting; `shared` is what all settings say after their rule."""
    name = one.setting.partition(", ")[0] if shared else one.setting
    half = "" if one.regret.half is None else f"±{one.regret.half:.3f}"
    return (
        name + (" (own)" if one.is_own else ""),
        f"{one.share_spent:.0%}",
        f"{one.regret.value:.3f}{half}",
        "-" if one.false_stops is None else _percent(one.false_stops),
        f"{one.lost:.0%}",
        "never" if math.isinf(one.epochs_to_near) else f"{one.epochs_to_near:.0f}",
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
    known = ["?" if one is None else f"{one:+.2f}" for one in rank_correlations(truth)]
    return f"rank correlation with the end, after each epoch: {' '.join(known)}"


def _percent(mean: Mean) -> str:
    return f"{mean.value:.0%}" + ("" if mean.half is None else f"±{100 * mean.half:.0f}")
