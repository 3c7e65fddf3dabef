"""How the trials of a search ended, and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analysis.page.axes import count_axis, cut_bars
from analysis.page.literal import literal
from analysis.page.palette import OUTCOMES
from analysis.searches.reasons import join_reasons, kind_of, reasons_of
from analysis.study_view import StudyView

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

PATTERNS = {
    "stopped": "/",
    "diverged": "x",
    "out_of_memory": "+",
    "failed": ".",
    "rejected": "-",
    "interrupted": "\\",
    "running": "|",
}
"""Hatching of each outcome, so that bars are told apart without colour."""


@dataclass(frozen=True)
class OutcomeCounts:
    """How the trials of one search ended.

    Attributes:
        counts: One row per outcome and kind of reason, the most frequent first within an outcome:
            `outcome`, `reason` (a sentence; empty for completed and running trials),
            `num_trials`, `share` of all trials, `example` (the trial of the lowest number).
        num_trials: All trials.
        num_crashed: Those that diverged, ran out of memory or failed.
        num_over: Those that ended for good, which crash rates are over.
    """

    counts: pd.DataFrame
    num_trials: int
    num_crashed: int
    num_over: int

    @property
    def finding(self) -> str:
        """How many trials ended how."""
        totals = self.counts.groupby("outcome", sort=False)["num_trials"].sum()
        parts = [f"{count} {str(name).replace('_', ' ')}" for name, count in totals.items()]
        return f"Of {self.num_trials} trials: {', '.join(parts)}"

    @property
    def crash_rate(self) -> float | None:
        """Share of the ended trials that crashed; None before the first has ended."""
        return self.num_crashed / self.num_over if self.num_over else None


def compute_outcome_counts(view: StudyView) -> OutcomeCounts:
    """Return the counts; reasons that differ only in numbers and trials' names count together."""
    trials = view.trials.assign(reason=reasons_of(view))
    counts = (
        trials.assign(kind=trials["reason"].map(kind_of))
        .groupby(["outcome", "kind"], as_index=False)
        .agg(
            num_trials=("trial", "size"),
            example=("label", "first"),
            reason=("reason", lambda reasons: join_reasons(reasons.tolist())),
        )
    )
    counts["share"] = counts["num_trials"] / max(len(trials), 1)
    place = {outcome: number for number, outcome in enumerate(OUTCOMES)}
    counts["place"] = counts["outcome"].map(place).fillna(len(place))
    counts = counts.sort_values(
        ["place", "outcome", "num_trials", "reason"], ascending=[True, True, False, True]
    )
    is_over = ~trials["outcome"].isin(["running", "interrupted"])
    return OutcomeCounts(
        counts=counts[["outcome", "num_trials", "share", "reason", "example"]].reset_index(
            drop=True
        ),
        num_trials=len(trials),
        num_crashed=int(trials["is_crash"].sum()),
        num_over=int(is_over.sum()),
    )


@literal
def draw_outcome_counts(result: OutcomeCounts) -> "Figure":
    """Return one bar cut into outcomes; hatching and colour say which."""
    from plotly.graph_objects import Bar, Figure

    figure = Figure(layout=cut_bars())
    for outcome, rows in result.counts.groupby("outcome", sort=False):
        style = OUTCOMES.get(str(outcome), OUTCOMES["running"])
        count = int(rows["num_trials"].sum())
        figure.add_trace(
            Bar(
                x=[count],
                y=["trials"],
                orientation="h",
                marker={
                    "color": style.colour,
                    "pattern": {"shape": PATTERNS.get(str(outcome), ""), "size": 6},
                },
                name=f"{style.label} ({count})",
                customdata=[_reasons(rows)],
                hovertemplate=f"{style.label}: {count}\n%{{customdata}}<extra></extra>",
            )
        )
    figure.update_xaxes(count_axis("trials", result.counts["num_trials"].sum()))
    figure.update_yaxes(visible=False)
    return figure


def _reasons(rows: pd.DataFrame) -> str:
    return "\n".join(
        f"{count} x {reason}"
        for count, reason in zip(rows["num_trials"].head(5), rows["reason"], strict=False)
        if reason
    )
