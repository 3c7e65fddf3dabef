"""What held the places that trials run in: training, validation, overhead, or no trial.

Of everything together, or by node and card where trials ran on several.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

PARTS = {
    "training_s": "training",
    "validation_s": "validation",
    "overhead_s": "start, checkpoints, reports",
    "waiting_s": "places without a trial",
}
"""Label of each part of the places' time."""

CLOCK_SLACK_S = 5.0
"""How much two clocks may differ before a study counts as interrupted."""

MOST_BARS = 24
"""Bars that are told apart; of more nodes, those with the same card share one."""


@dataclass(frozen=True)
class Held:
    """Seconds of what trials ran on: everything, or one node's cards of a kind.

    Attributes:
        where: Node and card; "" where all trials ran on the same.
        num_trials: Trials that ran there.
        num_places: Trials that ran side by side at most, and never more than the plan allowed: a
            worker may take up the next trial while the clock of the last one still runs.
        training_s: Training of finished epochs.
        validation_s: Validation of finished epochs.
        overhead_s: What trials took beside on their worker: its start, checkpoints, reports, and
            the epoch that an ending cut off.
        waiting_s: Time in which a place held no trial, from the first start of the search to its
            last end; None where it is not known because the study was interrupted and resumed.
    """

    where: str
    num_trials: int
    num_places: int
    training_s: float
    validation_s: float
    overhead_s: float
    waiting_s: float | None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per part: `part`, `seconds`, `share` of all."""
        seconds = {name: getattr(self, name) or 0.0 for name in PARTS}
        total_s = sum(seconds.values())
        return [
            {
                "part": PARTS[name],
                "seconds": value,
                "share": value / total_s if total_s else 0.0,
            }
            for name, value in seconds.items()
        ]

    @property
    def idle_share(self) -> float:
        """Share of the places' time in which they held no trial."""
        return float(self.rows[-1]["share"])


def by_place(trials: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the trials that ran, by node and card; nothing where all ran on the same."""
    ran = trials[trials["run_s"] > 0]
    cards = ran["card"].fillna(ran["device"].str.upper())
    hosts = ran["host"].fillna("a node that is not recorded")
    where = hosts + ", " + cards
    num_known = where[ran["host"].notna()].nunique()
    if where.nunique() > MOST_BARS:
        where = cards
    if num_known < 2 or where.nunique() < 2:
        return {}
    return {str(name): rows for name, rows in ran.groupby(where, sort=True)}


def held_by(where: str, trials: pd.DataFrame, most: float, whole_s: float | None) -> Held:
    """Return what trials held of the places that they ran in.

    Args:
        where: Node and card.
        trials: With `taken_up_at`, when a worker took each up, and `run_s`, how long it had it.
        most: Places at most, by the plan.
        whole_s: Time from the first start of the search to its last end; None where not known.
    """
    inside_s = trials["train_s"] + trials["val_s"]
    places = int(min(_most_at_once(trials), most))
    run_s = float(trials["run_s"].sum())
    return Held(
        where=where,
        num_trials=int((trials["run_s"] > 0).sum()),
        num_places=places,
        training_s=float(trials["train_s"].sum()),
        validation_s=float(trials["val_s"].sum()),
        overhead_s=float((trials["run_s"] - inside_s).clip(lower=0).sum()),
        waiting_s=None if whole_s is None else max(places * whole_s - run_s, 0.0),
    )


def sum_of(held: Sequence[Held]) -> Held:
    """Return all places together."""
    waiting_s = [one.waiting_s for one in held if one.waiting_s is not None]
    return Held(
        where="",
        num_trials=sum(one.num_trials for one in held),
        num_places=sum(one.num_places for one in held),
        training_s=sum(one.training_s for one in held),
        validation_s=sum(one.validation_s for one in held),
        overhead_s=sum(one.overhead_s for one in held),
        waiting_s=sum(waiting_s) if waiting_s else None,
    )


def span_s(trials: pd.DataFrame) -> float | None:
    """Return the time between the first start and the last end; None for an interrupted study."""
    ran = trials[trials["run_s"] > 0]
    if ran.empty:
        return 0.0
    calendar_s = (ran["ended_at"] - ran["started_at"]).dt.total_seconds()
    if (calendar_s - ran["wall_s"] > CLOCK_SLACK_S).any():
        return None
    ends = ran["taken_up_at"] + pd.to_timedelta(ran["run_s"], unit="s")
    return float((ends.max() - ran["started_at"].min()).total_seconds())


def _most_at_once(trials: pd.DataFrame) -> int:
    """Return how many trials ran side by side at most."""
    ran = trials[trials["run_s"] > 0]
    if ran.empty:
        return min(len(trials), 1)
    starts = ran["taken_up_at"]
    ends = starts + pd.to_timedelta(ran["run_s"], unit="s")
    moments = np.concatenate([starts.to_numpy(), ends.to_numpy()])
    steps = np.concatenate([np.ones(len(ran)), -np.ones(len(ran))])
    # At one moment an end comes before a start: the place is free then.
    order = np.lexsort((steps, moments))
    return int(np.cumsum(steps[order]).max())
