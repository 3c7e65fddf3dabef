"""Training minus validation score of every trial: who over-fits."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.page.literal import literal
from analysis.page.palette import GREY, LIGHT, OUTCOMES
from analysis.searches.sensitivity import outcome_style
from analysis.study_view import StudyView, thin_trials

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MAX_MARKS = 1000

OVER_FIT_DB = 0.5
"""A gap above this is called over-fitting: more than seeds differ by."""


@dataclass(frozen=True)
class GeneralisationGap:
    """The gaps of one search, all at the trials' best epochs.

    Attributes:
        marks: One row per shown trial: `label`, `outcome`, `best_epoch`, `best_val_psnr_db`,
            `best_train_psnr_db`, `psnr_gap_db`.
        best_gap_db: Gap of the best trial; None without one.
        median_gap_db: Median over the trials; None likewise.
        is_of_best: Whether the validation PSNR is the highest one, because it is the objective.
    """

    marks: pd.DataFrame
    best_gap_db: float | None
    median_gap_db: float | None
    is_of_best: bool

    @property
    def finding(self) -> str:
        """On which side of validation the training of the best trial is."""
        if self.best_gap_db is None:
            return "No trial has a score"
        if self.best_gap_db > OVER_FIT_DB:
            return f"The best trial over-fits: training is {self.best_gap_db:.2f} dB better"
        return f"No sign of over-fitting in the best trial: gap {self.best_gap_db:+.2f} dB"

    @property
    def words(self) -> str:
        """The gap of the best trial beside the usual one."""
        if self.best_gap_db is None or self.median_gap_db is None:
            return "No trial has a score."
        return (
            f"Training minus validation PSNR at the best epoch: {self.best_gap_db:+.2f} dB for the "
            f"best trial, {self.median_gap_db:+.2f} dB in the median. Training is scored while the "
            "weights change, validation with averaged ones, so short trainings have negative gaps."
        )


def compute_generalisation_gap(view: StudyView, max_marks: int = MAX_MARKS) -> GeneralisationGap:
    """Return training beside validation scores, each trial at its own best epoch."""
    names = ["label", "outcome", "best_epoch", "best_val_psnr_db", "best_train_psnr_db"]
    marks = thin_trials(view, max_marks)[[*names, "psnr_gap_db"]].dropna(subset=["psnr_gap_db"])
    gaps_db = view.scored["psnr_gap_db"].dropna()
    return GeneralisationGap(
        marks=marks.reset_index(drop=True),
        best_gap_db=None if gaps_db.empty else float(gaps_db.iloc[0]),
        median_gap_db=None if gaps_db.empty else float(gaps_db.median()),
        is_of_best=view.objective.name == "psnr",
    )


@literal
def draw_generalisation_gap(result: GeneralisationGap) -> "Figure":
    """Return the gap over the validation score; well above 0 a trial over-fits."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure(layout={"template": LIGHT, "height": 460})
    figure.add_hline(y=0, line={"color": GREY, "dash": "dash", "width": 1.5})
    found = set(result.marks["outcome"])
    for outcome in (*OUTCOMES, *sorted(found - set(OUTCOMES))):
        rows = result.marks[result.marks["outcome"] == outcome]
        if rows.empty:
            continue
        style = outcome_style(outcome)
        figure.add_trace(
            Scatter(
                x=rows["best_val_psnr_db"].to_numpy(dtype="float32"),
                y=rows["psnr_gap_db"].to_numpy(dtype="float32"),
                customdata=np.stack([rows["label"], rows["best_epoch"]], axis=-1),
                hovertemplate="%{customdata[0]} at epoch %{customdata[1]}: gap %{y:+.2f} dB, "
                "validation %{x:.2f} dB<extra>" + style.label + "</extra>",
                mode="markers",
                marker={"symbol": style.symbol, "color": style.colour, "size": 9},
                name=f"{style.label} ({len(rows)})",
            )
        )
    title = "best validation PSNR" if result.is_of_best else "validation PSNR at the best epoch"
    figure.update_xaxes(title=f"{title} [dB]")
    figure.update_yaxes(title="training minus validation PSNR [dB]")
    return figure
