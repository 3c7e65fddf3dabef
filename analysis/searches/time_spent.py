"""Where the time of a search went: training, validation, overhead, waiting; what stopping saved."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from analysis.page.axes import cut_bars
from analysis.page.literal import literal
from analysis.page.palette import BLUE, GREY, ORANGE, PURPLE
from analysis.searches.held_places import PARTS, Held, by_place, held_by, span_s, sum_of
from analysis.study_view import StudyView

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STYLES = ((BLUE, ""), (ORANGE, "/"), (PURPLE, "x"), (GREY, "."))
"""Colour and hatching of each part."""


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
    whole_s = span_s(trials)
    stopped = trials[trials["outcome"] == "stopped"]
    left = (stopped["max_epochs"] - stopped["epochs_finished"]).clip(lower=0)
    epoch_s = (stopped["train_s"] + stopped["val_s"]) / stopped["epochs_finished"].clip(lower=1)
    held = tuple(
        held_by(where, rows, most_places, whole_s) for where, rows in by_place(trials).items()
    )
    return TimeSpent(
        total=sum_of(held) if held else held_by("", trials, most_places, whole_s),
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
    styles = zip(PARTS.values(), STYLES, strict=True)
    for number, (label, (colour, pattern)) in enumerate(styles):
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


def _hours(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
