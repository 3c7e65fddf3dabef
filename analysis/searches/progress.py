"""How the best score of a search grew with the epochs that were spent."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.page.palette import GREY, LIGHT, VERMILLION, style_of
from analysis.study_view import StudyView

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class SweepProgress:
    """The best score so far of one search.

    Attributes:
        arch: The architecture, which has its colour.
        steps: One row per improvement, and one for the end: `epochs_spent` by all trials together
            when it was reported, `best_val_psnr_db` from then on, `trial` and its `epoch`.
        hand_set_db: Best score of the hand-set trial; None without one.
        references: Scores of the reference lines at this ratio, by name: linear codecs of as many
            elements, or JPEG2000 and the block KLT at the target rate.
        at_rate: Where scores are, such as " at 0.5 bit/px"; "" where nothing is quantised.
    """

    arch: str
    steps: pd.DataFrame
    hand_set_db: float | None
    references: dict[str, float]
    at_rate: str


def compute_sweep_progress(view: StudyView) -> SweepProgress:
    """Return how the best validation PSNR grew; epochs count in the order they were reported."""
    reported = view.epochs.sort_values(["recorded_at", "trial_number", "epoch"], kind="stable")
    scores_db = reported["val_psnr_db"].to_numpy()
    best_db = np.maximum.accumulate(scores_db) if len(scores_db) else scores_db
    is_better = np.concatenate(([True], np.diff(best_db) > 0))[: len(best_db)]
    steps = pd.DataFrame(
        {
            "epochs_spent": np.arange(1, len(reported) + 1),
            "best_val_psnr_db": best_db,
            "trial": reported["trial"].to_numpy(),
            "epoch": reported["epoch"].to_numpy(),
        }
    )
    better = steps[is_better]
    if len(better):  # the last best trial is the best until the end
        end = better.iloc[[-1]].assign(epochs_spent=len(steps))
        better = pd.concat([better, end]).drop_duplicates("epochs_spent")
    hand_set = view.scored[view.scored["proposed_by"] == "hand_set"]
    return SweepProgress(
        arch=view.arch,
        steps=better.reset_index(drop=True),
        hand_set_db=None if hand_set.empty else float(hand_set["best_val_psnr_db"].iloc[0]),
        references={
            str(name): float(score_db)
            for name, score_db in zip(
                view.references["reference"], view.references["psnr_db"], strict=True
            )
        },
        at_rate=view.at_rate,
    )


def draw_sweep_progress(result: SweepProgress) -> "Figure":
    """Return a step line of the best score over the epochs of all trials, with what it is to beat.

    Example:
        >>> from analysis.frames import load
        >>> views = view_studies(load())            # doctest: +SKIP
        >>> draw_sweep_progress(compute_sweep_progress(views[0])).show()  # doctest: +SKIP
    """
    from plotly.graph_objects import Figure, Scatter

    style, steps = style_of(result.arch), result.steps
    figure = Figure(layout={"template": LIGHT, "height": 460})
    figure.add_trace(
        Scatter(
            x=steps["epochs_spent"].to_numpy(),
            y=steps["best_val_psnr_db"].to_numpy(),
            customdata=np.stack([steps["trial"], steps["epoch"]], axis=-1),
            hovertemplate="%{y:.2f} dB after %{x} epochs<br>%{customdata[0]}, its epoch "
            "%{customdata[1]}<extra></extra>",
            mode="lines+markers",
            line={"shape": "hv", "color": style.colour, "width": 2},
            marker={"symbol": style.symbol, "size": 7},
            name="best so far",
        )
    )
    lines = [(style_of(name), score_db) for name, score_db in result.references.items()]
    levels = [(known.label, known.dash, GREY, score_db) for known, score_db in lines]
    if result.hand_set_db is not None:
        levels.append(("hand-set values", "dash", VERMILLION, result.hand_set_db))
    last = int(steps["epochs_spent"].max()) if len(steps) else 1
    for label, dash, colour, score_db in levels:
        figure.add_trace(
            Scatter(
                x=[0, last],
                y=[score_db, score_db],
                mode="lines",
                line={"dash": dash, "color": colour, "width": 1.5},
                name=f"{label} {score_db:.2f} dB",
                hovertemplate=f"{label}: {score_db:.2f} dB<extra></extra>",
            )
        )
    figure.update_xaxes(title="epochs spent, all trials together", rangemode="tozero")
    figure.update_yaxes(title=f"validation PSNR{result.at_rate} [dB]", range=_view(result))
    return figure


def _view(result: SweepProgress) -> list[float] | None:
    """Return the range of the view: from what the first fiftieth of the epochs reached upwards.

    The first epochs of the first trial would take half of the figure otherwise.
    """
    steps = result.steps
    if steps.empty:
        return None
    early = steps[steps["epochs_spent"] <= max(steps["epochs_spent"].max() / 50, 1)]
    shown_db = [
        float(early["best_val_psnr_db"].max() if len(early) else steps["best_val_psnr_db"].min()),
        float(steps["best_val_psnr_db"].max()),
        *result.references.values(),
        *([] if result.hand_set_db is None else [result.hand_set_db]),
    ]
    margin_db = max(0.05 * (max(shown_db) - min(shown_db)), 0.05)
    return [min(shown_db) - margin_db, max(shown_db) + margin_db]
