"""Which searched dimension mattered: the shares that the search wrote into its tables."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analysis.page.literal import literal
from analysis.page.palette import BLUE, LIGHT, ORANGE
from analysis.study_view import StudyView

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

EVALUATORS = {"ped_anova": ("PED-ANOVA", BLUE), "fanova": ("fANOVA", ORANGE)}
"""Label and colour of Optuna's evaluators."""


@dataclass(frozen=True)
class ImportanceBars:
    """What mattered in one search.

    Attributes:
        bars: One row per dimension, evaluator and kind of score: `dimension`, `evaluator`, `score`,
            `epoch`, `num_trials`, `importance`; the most important dimension first.
    """

    bars: pd.DataFrame

    @property
    def finding(self) -> str:
        """Which dimension matters most, in the mean over the bars."""
        means = self.bars.groupby("dimension", sort=False)["importance"].mean()
        if means.empty:
            return "Nothing is known of importance"
        name = str(means.idxmax()).replace("_", " ").capitalize()
        return f"{name} matters most: {means.max():.0%} of the differences"


def compute_importance_bars(view: StudyView) -> ImportanceBars:
    """Return the shares, dimensions by their mean share; without rows where none were written."""
    bars = view.importance.drop(columns="study")
    mean = bars.groupby("dimension")["importance"].transform("mean")
    order = bars.assign(mean=mean).sort_values(
        ["mean", "dimension", "evaluator", "score"], ascending=[False, True, True, True]
    )
    return ImportanceBars(order.drop(columns="mean").reset_index(drop=True))


@literal
def draw_importance_bars(result: ImportanceBars) -> "Figure":
    """Return one group of bars per dimension: colour is the evaluator, hatching the score."""
    from plotly.graph_objects import Bar, Figure

    figure = Figure(
        layout={
            "template": LIGHT,
            "barmode": "group",
            "height": 220 + 60 * result.bars["dimension"].nunique(),
            "legend": {"y": -0.3, "traceorder": "normal"},
        }
    )
    for (evaluator, score), rows in result.bars.groupby(["evaluator", "score"], sort=True):
        label, colour = EVALUATORS.get(str(evaluator), (str(evaluator), BLUE))
        epoch = rows["epoch"].iloc[0]
        what = "completed trials" if pd.isna(epoch) else f"all trials at epoch {epoch}"
        figure.add_trace(
            Bar(
                y=rows["dimension"].str.replace("_", " "),
                x=rows["importance"].to_numpy(),
                orientation="h",
                marker={"color": colour, "pattern": {"shape": "" if score == "completed" else "/"}},
                name=f"{label}, {what} ({rows['num_trials'].iloc[0]})",
                hovertemplate="%{y}: %{x:.0%}<extra>%{fullData.name}</extra>",
            )
        )
    figure.update_xaxes(title="share of importance", tickformat=".0%", range=[0, 1.02])
    figure.update_yaxes(autorange="reversed")
    return figure
