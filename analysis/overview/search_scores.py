"""What searches alone say of architectures and ratios, where nothing was promoted yet.

The best validation score of each architecture and ratio, beside the linear reference lines on the
same images. It is the score that the trial was chosen by, of one seed at search fidelity: it
flatters, and it has no interval.
"""

import math
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from analysis.frames import Frames
from analysis.kinds import BYTES, kind_words, split_by_kind
from analysis.overview.matrix import PIXELS
from analysis.page.figure_parts import RATIO_AXIS, base_figure, with_title
from analysis.page.literal import literal
from analysis.page.palette import architecture_order, capital, style_of
from analysis.rates.labels import ROOM_PX, Line, View, add_labels
from models.training.objective import Objective
from tune.statistics.objectives import objective_named

HEIGHT_PX, AROUND_PX = 460, 130
"""Height of the figure, and what title, axis and legend take of it."""


@dataclass(frozen=True)
class SearchScores:
    """Best quick scores of one kind of ratio and objective on one kind of pixels.

    Attributes:
        rate: What the ratios count, bytes or elements.
        objective: What the searches maximised.
        words: What the scores were measured on.
        best: One row per architecture and ratio: arch, ratio, psnr_db, ssim, the objective where it
            is another one, num_trials, and the gain over the hand-set trials of its searches
            (missing without one).
        references: One row per reference line and ratio: reference, ratio, psnr_db, ssim; none
            where they have no score by the objective.
    """

    rate: str
    objective: Objective
    words: str
    best: pd.DataFrame
    references: pd.DataFrame

    @property
    def finding(self) -> str:
        """Which architecture has the best score at the most ratios."""
        column = self.objective.plain_column
        best = self.best.sort_values(column).drop_duplicates("ratio", keep="last")
        if self.references.empty:
            first = best["arch"].value_counts()
            label = capital(str(first.index[0]))
            return f"{label} has the best score at {first.iloc[0]} of {len(best)} ratios searched"
        line = self.references.groupby("ratio")[column].max()
        gaps = sorted((best.set_index("ratio")[column] - line).dropna())
        if not gaps:
            return "The best scores of the searches"
        if gaps[0] < 0 < gaps[-1]:
            low, high = self.objective.signed(gaps[0]), self.objective.signed(gaps[-1])
            return f"The best search of a ratio is {low} to {high} from the best reference line"
        side = "above" if gaps[-1] > 0 else "below"
        low, high = (self.objective.text(gap) for gap in sorted(map(abs, (gaps[0], gaps[-1]))))
        span = low if low == high else f"{low} to {high}"
        return f"The best search of a ratio is {span} {side} the best reference line"

    @property
    def gain(self) -> str:
        """The column of the gain over the hand-set trials."""
        return _gain_column(self.objective)


def compute_search_scores(frames: Frames) -> tuple[SearchScores, ...]:
    """Return the best scores per kind of ratio, pixels and objective: bytes first, then by size."""
    found = []
    for rate, part in split_by_kind(frames).items():
        groups = [
            rows.dropna(subset=[objective_named(rows["objective"].iloc[0]).best_column])
            for _, rows in part.trials.groupby(PIXELS)
        ]
        by_size = sorted(groups, key=len, reverse=True)
        found += [_scores(part, rows, rate) for rows in by_size if len(rows)]
    return tuple(found)


@literal
def draw_search_scores(scores: SearchScores) -> go.Figure:
    """Return best quick scores against the nominal ratio, with the reference lines."""
    figure = base_figure()
    for name in architecture_order(set(scores.best["arch"])):
        rows = scores.best[scores.best["arch"] == name]
        _add_line(figure, name, rows, scores.objective)
    for name in sorted(set(scores.references["reference"])):
        rows = scores.references[scores.references["reference"] == name]
        _add_line(figure, name, rows, scores.objective, is_labelled=True)
    figure.update_xaxes(**RATIO_AXIS)
    if scores.rate == BYTES:
        figure.update_xaxes(title="nominal ratio, 8 bit / target rate")
    _label_references(figure, scores)
    unit = f", {scores.objective.unit}" if scores.objective.unit else ""
    figure.update_yaxes(title=f"validation {scores.objective.words}{unit}")
    return with_title(figure, scores.words)


def _gain_column(objective: Objective) -> str:
    return "hand_set_gain_db" if objective.unit == "dB" else "hand_set_gain"


def _label_references(figure: go.Figure, scores: SearchScores) -> None:
    """Fix what is in view, and write the names of the reference lines at their ends."""
    column = scores.objective.plain_column
    shown = scores.references[scores.references["ratio"].isin(scores.best["ratio"])]
    if column not in shown:  # no line has an MS-SSIM
        shown = shown.iloc[:0].assign(**{column: 0.0})
    values = [*scores.best[column], *shown[column]]
    places = [*scores.best["ratio"], *shown["ratio"]]
    margin = 0.06 * (max(values) - min(values)) or 0.1
    y = min(values) - margin, max(values) + margin
    view = View((min(places) / 1.12, max(places) * 1.04), y, HEIGHT_PX - AROUND_PX)
    figure.update_xaxes(range=[math.log10(end) for end in view.x])
    figure.update_yaxes(range=view.y)
    figure.update_layout(margin={"r": ROOM_PX})
    lines = [
        Line(style_of(str(name)).label, rows["ratio"].tolist(), rows[column].tolist())
        for name, rows in shown.sort_values("ratio").groupby("reference")
    ]
    add_labels(figure, lines, view)


def _add_line(
    figure: go.Figure,
    name: str,
    rows: pd.DataFrame,
    objective: Objective,
    *,
    is_labelled: bool = False,
) -> None:
    style = style_of(name)
    rows = rows.sort_values("ratio")
    figure.add_scatter(
        x=rows["ratio"].tolist(),
        y=rows[objective.plain_column].tolist(),
        mode="lines" if is_labelled and len(rows) > 1 else "lines+markers",
        showlegend=not is_labelled,
        name=style.label,
        line={"color": style.colour, "dash": style.dash},
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            "size": 9,
            "line": {"color": style.colour, "width": 1.5 if style.symbol.endswith("-open") else 0},
        },
        hovertemplate="%{fullData.name} at %{x}x: " + objective.hover + "<extra></extra>",
    )


def _scores(frames: Frames, trials: pd.DataFrame, rate: str) -> SearchScores:
    first = trials.iloc[0]
    objective = objective_named(first["objective"])
    score = objective.best_column
    rows = []
    for (arch, ratio), cell in trials.groupby(["arch", "ratio"]):
        best = cell.sort_values(score).iloc[-1]
        hand_set = cell[(cell["proposed_by"] == "hand_set") & (cell["study"] == best["study"])]
        rows.append(
            {
                "arch": arch,
                "ratio": ratio,
                "psnr_db": best["best_val_psnr_db"],
                "ssim": best["best_val_ssim"],
                objective.plain_column: best[score],
                "num_trials": len(cell),
                _gain_column(objective): best[score] - hand_set[score].max(),
            }
        )
    same = frames.references
    same = same[
        (same["corpus_fingerprint"] == first["corpus_fingerprint"])
        & (same["crop_px"] == first["crop_px"])
        & (same["num_images"] == first["val_images"])
    ]
    if objective.plain_column not in same:
        same = same.iloc[:0]
    kind = "SYNTHETIC corpus" if first["is_synthetic"] else "corpus"
    return SearchScores(
        rate,
        objective,
        f"{kind} {first['corpus']} ({first['corpus_fingerprint'][:8]})\n{first['val_images']} "
        f"validation images of {first['crop_px']} px; quick, the best of each search, "
        f"{kind_words(rate)}",
        pd.DataFrame(rows),
        same.drop_duplicates(["reference", "ratio"])[["reference", "ratio", "psnr_db", "ssim"]],
    )
