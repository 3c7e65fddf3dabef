"""What other settings would have made of a search, from its replays (`python -m tune.replay`)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.page.axes import SPENT, count_axis
from analysis.page.literal import literal
from analysis.page.palette import BLUE, GREEN, GREY, LIGHT, ORANGE
from analysis.study_view import StudyView
from tune.statistics.replayed import Mean, Replayed, advised, answer, unit_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLOURS = (BLUE, ORANGE, GREEN)
DASHES = ("solid", "dash", "dot")
"""Of the settings that are drawn, three at most: told apart by both."""

LEAST = 1e-3
"""A regret below this is drawn at it: a logarithm has no zero."""


@dataclass(frozen=True)
class Replays:
    """The replays of one study.

    Attributes:
        words: Whether stopping would have lost the winner, and what to set next time.
        settings: One row per setting, as in the table `replays`, the advised one marked.
        curves: One row per setting that is drawn and share of the budget, as in `replay_curves`:
            the study's own setting, the advised one, and no stopping.
        unit: Unit of a regret.
    """

    words: str
    settings: pd.DataFrame
    curves: pd.DataFrame
    unit: str

    @property
    def finding(self) -> str:
        """Which setting is advised, what it spends and what it lacks."""
        best = self.settings[self.settings["is_advised"]].iloc[0]
        share = best["epochs_spent"] / (best["trials"] * best["max_epochs"])
        regret = f"{best['regret']:.3f} {self.unit}".rstrip()
        return f"Advised: {best['setting']}, {share:.0%} of the epochs, regret {regret}"


def compute_replays(view: StudyView) -> Replays | None:
    """Return what the replays of a study say; None where it was not replayed."""
    rows: list[dict[Any, Any]] = view.replays.to_dict("records")
    if not rows:
        return None
    replays = [_replayed(row) for row in rows]
    best = advised(replays)
    is_advised = [one is best for one in replays]
    drawn = {one.setting for one in replays if one.is_own or one is best or _stops_nobody(one)}
    return Replays(
        words=answer(replays, int(rows[0]["num_configurations"])),
        settings=view.replays.assign(is_advised=is_advised),
        curves=view.replay_curves[view.replay_curves["setting"].isin(drawn)],
        unit=unit_of(best.objective),
    )


def headings(settings: pd.DataFrame) -> pd.DataFrame:
    """Return the table of settings as a person reads it."""
    share = settings["epochs_spent"] / (settings["trials"] * settings["max_epochs"])
    marks = np.where(settings["is_own"], " (own)", "") + np.where(
        settings["is_advised"], " (advised)", ""
    ).astype(object)
    return pd.DataFrame(
        {
            "setting": settings["setting"] + marks,
            "epochs spent": [f"{value:.0%}" for value in share],
            "regret": settings["regret"].round(4),
            "± 95 %": settings["regret_half"].round(4),
            "false-stop rate": settings["false_stop_rate"].round(3),
            "± 95 % ": settings["false_stop_half"].round(3),
            "winner lost in": [f"{value:.0%}" for value in settings["lost"]],
            "epochs to near": settings["epochs_to_near"],
            "hours": settings["hours"].round(2),
        }
    )


@literal
def draw_replays(result: Replays) -> "Figure":
    """Return the regret over the epochs spent, one line per setting with its interval.

    Example:
        >>> from analysis.frames import load
        >>> views = view_studies(load())            # doctest: +SKIP
        >>> draw_replays(compute_replays(views[0])).show()  # doctest: +SKIP
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure(layout={"template": LIGHT, "height": 460})
    for index, (setting, rows) in enumerate(result.curves.groupby("setting", sort=False)):
        colour = GREY if str(setting).startswith("none") else COLOURS[index]
        regret = rows["regret"].clip(lower=LEAST)
        half = rows["regret_half"].fillna(0.0)
        figure.add_trace(
            Scatter(
                x=rows["epochs_spent"],
                y=regret,
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": half,
                    "arrayminus": np.minimum(half, regret - LEAST),
                    "thickness": 1,
                    "width": 2,
                },
                customdata=np.stack([rows["share"], rows["hours"]], axis=-1),
                mode="lines+markers",
                line={"color": colour, "dash": DASHES[index]},
                marker={"size": 5},
                name=str(setting),
                hovertemplate=f"%{{y:.3f}} {result.unit} after %{{x:.0f}} epochs, "
                "%{customdata[1]:.2f} h (%{customdata[0]:.0%} of the budget)<extra>%{fullData.name}"
                "</extra>",
            )
        )
    figure.update_xaxes(count_axis(SPENT, result.curves["epochs_spent"].max()))
    figure.update_yaxes(title=f"regret [{result.unit}]", type="log", dtick=1)
    return figure


def _stops_nobody(one: Replayed) -> bool:
    return one.setting.startswith("none")


def _replayed(row: Mapping[Any, Any]) -> Replayed:
    rate = row["false_stop_rate"]
    near = row["epochs_to_near"]
    return Replayed(
        setting=row["setting"],
        flags=row["flags"],
        objective=row["objective"],
        is_own=bool(row["is_own"]),
        num_nights=int(row["num_nights"]),
        trials=int(row["trials"]),
        max_epochs=int(row["max_epochs"]),
        epochs=Mean(row["epochs_spent"], None),
        hours=Mean(row["hours"], None),
        regret=Mean(row["regret"], _known(row["regret_half"])),
        points=(),
        epochs_to_near=math.inf if math.isnan(near) else near,
        false_stops=None if math.isnan(rate) else Mean(rate, _known(row["false_stop_half"])),
        lost=row["lost"],
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
