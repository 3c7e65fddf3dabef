"""Where the time of a search went: training, validation, overhead, waiting; what stopping saved."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.page.axes import single_bar
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


@dataclass(frozen=True)
class TimeSpent:
    """Seconds of one search, over all places that trials run in.

    Attributes:
        num_places: Trials that ran side by side at most, and never more than the plan allowed: a
            worker may take up the next trial while the clock of the last one still runs.
        training_s: Training of finished epochs.
        validation_s: Validation of finished epochs.
        overhead_s: What trials took beside on their worker: its start, checkpoints, reports, and
            the epoch that an ending cut off.
        waiting_s: Time in which a place held no trial, from the first start to the last end; None
            where it is not known because the study was interrupted and resumed.
        queued_s: Time that trials waited for a worker or for memory, all together; no part of the
            places' time.
        epochs_spent: Finished epochs.
        epochs_saved: Epochs that stopped trials did not have to run.
        saved_s: What these would have taken at each trial's own seconds per epoch.
    """

    num_places: int
    training_s: float
    validation_s: float
    overhead_s: float
    waiting_s: float | None
    queued_s: float
    epochs_spent: int
    epochs_saved: int
    saved_s: float

    @property
    def frame(self) -> pd.DataFrame:
        """One row per part: `part`, `seconds`, `share` of all."""
        seconds = {name: getattr(self, name) or 0.0 for name in PARTS}
        total_s = sum(seconds.values())
        return pd.DataFrame(
            {
                "part": [PARTS[name][0] for name in seconds],
                "seconds": list(seconds.values()),
                "share": [value / total_s if total_s else 0.0 for value in seconds.values()],
            }
        )

    @property
    def words(self) -> str:
        """What stopping saved, and what is not known, in sentences."""
        asked = self.epochs_spent + self.epochs_saved
        share = f" ({self.epochs_saved / asked:.0%} of those asked for)" if asked else ""
        text = (
            f"{self.epochs_spent} epochs were spent and {self.epochs_saved} saved by stopping"
            f"{share}, about {_hours(self.saved_s)} at the stopped trials' own speed."
        )
        if self.queued_s >= 1:
            text += f" Trials waited {_hours(self.queued_s)} for a worker or for memory."
        if self.waiting_s is None:
            text += (
                " The study was interrupted and resumed, so it is not known how long workers were "
                "idle."
            )
        return text


def compute_time_spent(view: StudyView) -> TimeSpent:
    """Return where the time went; a running trial counts up to its last epoch."""
    trials = view.trials.assign(
        taken_up_at=view.trials["started_at"] + pd.to_timedelta(view.trials["wait_s"], unit="s"),
        run_s=(view.trials["wall_s"] - view.trials["wait_s"]).clip(lower=0),
    )
    inside_s = trials["train_s"] + trials["val_s"]
    places = min(_most_at_once(trials), view.config.get("max_concurrent", math.inf))
    stopped = trials[trials["outcome"] == "stopped"]
    left = (stopped["max_epochs"] - stopped["epochs_finished"]).clip(lower=0)
    epoch_s = (stopped["train_s"] + stopped["val_s"]) / stopped["epochs_finished"].clip(lower=1)
    return TimeSpent(
        num_places=places,
        training_s=float(trials["train_s"].sum()),
        validation_s=float(trials["val_s"].sum()),
        overhead_s=float((trials["run_s"] - inside_s).clip(lower=0).sum()),
        waiting_s=_waiting_s(trials, places),
        queued_s=float(trials["wait_s"].sum()),
        epochs_spent=int(trials["epochs_finished"].sum()),
        epochs_saved=int(left.sum()),
        saved_s=float((left * epoch_s).sum()),
    )


def draw_time_spent(result: TimeSpent) -> "Figure":
    """Return one bar cut into training, validation, overhead and waiting, hours of all places."""
    from plotly.graph_objects import Bar, Figure

    figure = Figure(layout=single_bar())
    frame = result.frame
    for (label, colour, pattern), seconds, share in zip(
        PARTS.values(), frame["seconds"], frame["share"], strict=True
    ):
        if seconds == 0:
            continue
        figure.add_trace(
            Bar(
                x=[seconds / 3600],
                y=["time"],
                orientation="h",
                marker={"color": colour, "pattern": {"shape": pattern, "size": 6}},
                name=f"{label} {share:.0%}",
                hovertemplate=f"{label}: {_hours(seconds)} ({share:.0%})<extra></extra>",
            )
        )
    figure.update_xaxes(title=f"hours x places ({result.num_places} side by side)")
    figure.update_yaxes(visible=False)
    return figure


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


def _waiting_s(trials: pd.DataFrame, places: int) -> float | None:
    """Return the time of empty places between the first start and the last end."""
    ran = trials[trials["run_s"] > 0]
    if ran.empty:
        return 0.0
    calendar_s = (ran["ended_at"] - ran["started_at"]).dt.total_seconds()
    if (calendar_s - ran["wall_s"] > CLOCK_SLACK_S).any():
        return None
    ends = ran["taken_up_at"] + pd.to_timedelta(ran["run_s"], unit="s")
    whole_s = (ends.max() - ran["started_at"].min()).total_seconds()
    return float(max(places * whole_s - ran["run_s"].sum(), 0.0))


def _hours(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
