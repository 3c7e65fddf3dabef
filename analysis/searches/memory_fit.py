"""Predicted against measured memory of the trials of a search."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.page.literal import literal
from analysis.page.palette import BLUE, GREY, LIGHT, ORANGE
from analysis.study_view import StudyView, thin_trials

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ALLOCATED = "cuda_peak"
"""How what is predicted is measured. The growth of a process (rss_growth, rss_growth_now) has the
allocator's slack and mapped pixels in it besides, so a prediction is below it by design."""

METHODS = {
    ALLOCATED: ("allocated on the card", BLUE, "circle"),
    "rss_growth": ("growth of the process, more than is predicted", ORANGE, "square"),
    "rss_growth_now": ("growth of the process, not its peak", ORANGE, "triangle-up"),
}
"""Label, colour and symbol of how memory was measured."""

MAX_MARKS = 1000


@dataclass(frozen=True)
class MemoryFit:
    """How well memory was predicted in one search.

    Attributes:
        marks: One row per shown trial with both numbers: `label`, `base_channels`, `batch_size`,
            `predicted_mib`, `measured_mib`, `error` (predicted over measured minus 1), `method`.
        num_trials: Trials with both numbers.
        num_allocated: Those of them whose allocations were measured, which is what is predicted.
        num_unpredicted: Trials that were measured and had no prediction.
        median_error: Median of the errors of the allocated; None without any.
        worst_under: Their smallest error; negative where a prediction was below what was used; None
            likewise.
    """

    marks: pd.DataFrame
    num_trials: int
    num_allocated: int
    num_unpredicted: int
    median_error: float | None
    worst_under: float | None

    @property
    def finding(self) -> str:
        """How far predictions were off, in a line."""
        if self.median_error is None or self.worst_under is None:
            over = float((self.marks["measured_mib"] > self.marks["predicted_mib"]).mean())
            return f"The process grew by more than was predicted in {over:.0%} of the trials"
        return (
            f"Predicted memory is {self.median_error:+.0%} off in the median, "
            f"{self.worst_under:+.0%} at the lowest"
        )

    @property
    def words(self) -> str:
        """How far predictions were off, in a sentence."""
        if self.num_trials == 0:
            return (
                f"No trial has both a prediction and a measurement ({self.num_unpredicted} were "
                "only measured)."
            )
        sentences = []
        if self.median_error is not None and self.worst_under is not None:
            sentences.append(
                f"Predicted peak over peak allocated on the card, {self.num_allocated} trials: "
                f"{self.median_error:+.0%} in the median, {self.worst_under:+.0%} at the lowest; "
                "below 0 % a trial used more than was predicted for it."
            )
        num_grown = self.num_trials - self.num_allocated
        if num_grown:
            sentences.append(
                f"Of {num_grown} trials the growth of the process was measured, which has the "
                "allocator's slack and mapped pixels in it besides what is predicted: that says "
                "nothing of how good the prediction is."
            )
        return " ".join(sentences)


def compute_memory_fit(view: StudyView, max_marks: int = MAX_MARKS) -> MemoryFit:
    """Return predictions beside measurements, of all trials that have both."""
    error = _errors(view.trials)
    measured = view.trials["measured_peak_mib"].notna()
    shown = thin_trials(view, max_marks)
    marks = pd.DataFrame(
        {
            "label": shown["label"],
            "base_channels": shown["base_channels"],
            "batch_size": shown["batch_size"],
            "predicted_mib": shown["predicted_peak_mib"],
            "measured_mib": shown["measured_peak_mib"],
            "error": _errors(shown),
            "method": shown["memory_method"],
        }
    )
    allocated = error[view.trials["memory_method"] == ALLOCATED].dropna()
    return MemoryFit(
        marks=marks.dropna(subset=["error"]).reset_index(drop=True),
        num_trials=int(error.notna().sum()),
        num_allocated=len(allocated),
        num_unpredicted=int((measured & view.trials["predicted_peak_mib"].isna()).sum()),
        median_error=None if allocated.empty else float(allocated.median()),
        worst_under=None if allocated.empty else float(allocated.min()),
    )


@literal
def draw_memory_fit(result: MemoryFit) -> "Figure":
    """Return measured over predicted memory; on the line they are equal, above it more was used."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure(layout={"template": LIGHT, "height": 460})
    high = float(result.marks[["predicted_mib", "measured_mib"]].max().max())
    high = 1.08 * high if np.isfinite(high) else 1.0
    figure.add_trace(
        Scatter(
            x=[0, high],
            y=[0, high],
            mode="lines",
            line={"color": GREY, "dash": "dash", "width": 1.5},
            name="as predicted",
            hoverinfo="skip",
        )
    )
    for method, rows in result.marks.groupby("method", sort=True):
        label, colour, symbol = METHODS.get(str(method), (str(method), GREY, "diamond"))
        figure.add_trace(
            Scatter(
                x=rows["predicted_mib"].to_numpy(dtype="float32"),
                y=rows["measured_mib"].to_numpy(dtype="float32"),
                customdata=np.stack(
                    [rows["label"], rows["base_channels"], rows["batch_size"], rows["error"]],
                    axis=-1,
                ),
                hovertemplate="%{customdata[0]}, base %{customdata[1]}, batch %{customdata[2]}"
                "\npredicted %{x:.0f} MiB, measured %{y:.0f} MiB (%{customdata[3]:+.0%})"
                "<extra></extra>",
                mode="markers",
                marker={"symbol": symbol, "color": colour, "size": 9, "opacity": 0.8},
                name=f"{label} ({len(rows)})",
            )
        )
    figure.update_xaxes(title="predicted peak [MiB]", range=[0, high])
    figure.update_yaxes(title="measured peak [MiB]", range=[0, high])
    return figure


def _errors(trials: pd.DataFrame) -> "pd.Series[float]":
    measured = trials["measured_peak_mib"]
    return trials["predicted_peak_mib"] / measured.where(measured > 0) - 1.0
