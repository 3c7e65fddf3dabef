"""Where the time of a search went: training, validation, overhead, waiting; what stopping saved."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.page.axes import cut_bars
from analysis.page.literal import literal
from analysis.page.palette import BLUE, GREY, ORANGE, PURPLE
from analysis.study_view import StudyView

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PARTS = {
    "training_s": ("training", BLUE, ""),
    "validation_s": ("validation", ORANGE, "/"),
    "overhead_s": ("start, checkpoints, reports", PURPLE, "x"),
    "waiting_s": ("places without a trial", GREY, "."),
}
"""Label, colour and hatching of each part."""

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
                "part": PARTS[name][0],
                "seconds": value,
                "share": value / total_s if total_s else 0.0,
            }
            for name, value in seconds.items()
        ]

    @property
    def idle_share(self) -> float:
        """Share of the places' time in which they held no trial."""
        return float(self.rows[-1]["share"])


@dataclass(frozen=True)
class TimeSpent:
    """Seconds of one search, over all places that trials run in.

    Attributes:
        total: All of it.
        held: The same by node and card, where trials ran on several; else empty.
        queued_s: Time that trials waited for a worker or for memory, all together; no part of the
            places' time.
        epochs_spent: Finished epochs.
        epochs_saved: Epochs that stopped trials did not have to run.
        saved_s: What these would have taken at each trial's own seconds per epoch.
    """

    total: Held
    held: tuple[Held, ...]
    queued_s: float
    epochs_spent: int
    epochs_saved: int
    saved_s: float

    @property
    def frame(self) -> pd.DataFrame:
        """One row per part: `part`, `seconds`, `share` of all; where there are several, for each.

        Then `where`, `num_trials` and `num_places` stand before them.
        """
        if not self.held:
            return pd.DataFrame(self.total.rows)
        names = ("where", "num_trials", "num_places")
        return pd.DataFrame(
            {name: getattr(one, name) for name in names} | row
            for one in self.held
            for row in one.rows
        )

    @property
    def words(self) -> str:
        """What stopping saved, which place idled the most, and what is not known, in sentences."""
        asked = self.epochs_spent + self.epochs_saved
        share = f" ({self.epochs_saved / asked:.0%} of those asked for)" if asked else ""
        text = (
            f"{self.epochs_spent} epochs were spent and {self.epochs_saved} saved by stopping"
            f"{share}, about {_hours(self.saved_s)} at the stopped trials' own speed."
        )
        if self.queued_s >= 1:
            text += f" Trials waited {_hours(self.queued_s)} for a worker or for memory."
        if self.total.waiting_s is None:
            return text + (
                " The study was interrupted and resumed, so it is not known how long workers were "
                "idle."
            )
        if self.held:
            most = max(self.held, key=lambda one: one.idle_share)
            least = min(self.held, key=lambda one: one.idle_share)
            text += (
                f" Of the nodes and cards {most.where} idled the most ({most.idle_share:.0%} of "
                f"its time) and {least.where} the least ({least.idle_share:.0%})."
            )
        return text


def compute_time_spent(view: StudyView) -> TimeSpent:
    """Return where the time went; a running trial counts up to its last epoch."""
    trials = view.trials.assign(
        taken_up_at=view.trials["started_at"] + pd.to_timedelta(view.trials["wait_s"], unit="s"),
        run_s=(view.trials["wall_s"] - view.trials["wait_s"]).clip(lower=0),
    )
    most_places = view.config.get("max_concurrent", math.inf)
    whole_s = _whole_s(trials)
    stopped = trials[trials["outcome"] == "stopped"]
    left = (stopped["max_epochs"] - stopped["epochs_finished"]).clip(lower=0)
    epoch_s = (stopped["train_s"] + stopped["val_s"]) / stopped["epochs_finished"].clip(lower=1)
    held = tuple(
        _held(where, rows, most_places, whole_s) for where, rows in _by_place(trials).items()
    )
    return TimeSpent(
        total=_sum_of(held) if held else _held("", trials, most_places, whole_s),
        held=held,
        queued_s=float(trials["wait_s"].sum()),
        epochs_spent=int(trials["epochs_finished"].sum()),
        epochs_saved=int(left.sum()),
        saved_s=float((left * epoch_s).sum()),
    )


@literal
def draw_time_spent(result: TimeSpent) -> "Figure":
    """Return a bar cut into training, validation, overhead and waiting, hours of all places.

    Where trials ran on several nodes or cards, each has a bar.
    """
    from plotly.graph_objects import Bar, Figure

    bars = result.held or (replace(result.total, where="time"),)
    figure = Figure(layout=cut_bars(len(bars)))
    for number, (label, colour, pattern) in enumerate(PARTS.values()):
        parts = [bar.rows[number] for bar in bars]
        if not any(part["seconds"] for part in parts):
            continue
        share = result.total.rows[number]["share"]
        figure.add_trace(
            Bar(
                x=[part["seconds"] / 3600 for part in parts],
                y=[bar.where for bar in bars],
                orientation="h",
                marker={"color": colour, "pattern": {"shape": pattern, "size": 6}},
                name=f"{label} {share:.0%}",
                customdata=[
                    [_hours(part["seconds"]), f"{part['share']:.0%}", bar.num_trials]
                    for bar, part in zip(bars, parts, strict=True)
                ],
                hovertemplate=f"{label}: %{{customdata[0]}} (%{{customdata[1]}})\n"
                "%{customdata[2]} trials ran here<extra></extra>",
            )
        )
    figure.update_xaxes(title=f"hours x places ({result.total.num_places} side by side)")
    figure.update_yaxes(visible=len(bars) > 1, autorange="reversed", automargin=True)
    return figure


def _by_place(trials: pd.DataFrame) -> dict[str, pd.DataFrame]:
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


def _held(where: str, trials: pd.DataFrame, most: float, whole_s: float | None) -> Held:
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


def _sum_of(held: Sequence[Held]) -> Held:
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


def _whole_s(trials: pd.DataFrame) -> float | None:
    """Return the time between the first start and the last end; None for an interrupted study."""
    ran = trials[trials["run_s"] > 0]
    if ran.empty:
        return 0.0
    calendar_s = (ran["ended_at"] - ran["started_at"]).dt.total_seconds()
    if (calendar_s - ran["wall_s"] > CLOCK_SLACK_S).any():
        return None
    ends = ran["taken_up_at"] + pd.to_timedelta(ran["run_s"], unit="s")
    return float((ends.max() - ran["started_at"].min()).total_seconds())


def _hours(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
