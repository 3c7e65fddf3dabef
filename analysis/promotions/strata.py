"""Test scores by polarisation, brightness and texture: where a mean hides that some images lose.

RMSE of the backscatter in dB, because it does not depend on the bounds: images of all groups of a
corpus may stand side by side. Brightness and texture are cut into thirds of the images.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analysis.frames import Frames
from analysis.intervals import interval
from analysis.kinds import kind_words, split_by_kind
from analysis.page.figure_parts import base_figure, with_title
from analysis.page.literal import literal
from analysis.page.palette import architecture_order, style_of
from analysis.rates.selection import best_candidates, judged_rows

KINDS = ("polarisation", "brightness", "texture")


@dataclass(frozen=True)
class Strata:
    """Scores by stratum of one kind of ratio on one corpus and crop.

    Attributes:
        rate: What the ratios count, bytes or elements.
        words: What was measured on, and that.
        scores: One row per kind, ratio, architecture or codec, and stratum: rmse_db, low_db,
            high_db, num_images.
    """

    rate: str
    words: str
    scores: pd.DataFrame


def compute_strata(frames: Frames) -> tuple[Strata, ...]:
    """Return test RMSE by stratum, one value per kind of ratio, corpus fingerprint and crop."""
    return tuple(
        found for rate, part in split_by_kind(frames).items() for found in _of_kind(part, rate)
    )


def _of_kind(frames: Frames, rate: str) -> list[Strata]:
    best, _ = best_candidates(frames)
    test = frames.test.merge(best, on=["study", "candidate"])
    test = judged_rows(test, rate)
    test = test.assign(name=test["arch"])
    codecs = frames.codecs[frames.codecs["codec"] == "jpeg2000"]
    codecs = codecs.drop_duplicates(["corpus_fingerprint", "crop_px", "ratio", "image"])
    scores = pd.concat([test, codecs.assign(name=codecs["codec"], seed=0)], ignore_index=True)
    scores = scores[np.isfinite(scores["rmse_db"])]
    places = test[["corpus_fingerprint", "crop_px"]].drop_duplicates()
    return [
        _strata(
            rate,
            scores[(scores["corpus_fingerprint"] == fingerprint) & (scores["crop_px"] == crop_px)],
            set(test["ratio"]),
        )
        for fingerprint, crop_px in places.itertuples(index=False)
    ]


def strata_finding(strata: Strata, kind: str) -> str:
    """Return which images are the hardest."""
    rows = strata.scores[strata.scores["kind"] == kind]
    means = rows.groupby("stratum")["rmse_db"].mean().sort_values(ascending=False)
    others = ", ".join(f"{name} {value:.2f}" for name, value in means.iloc[1:].items())
    return f"By {kind}, {means.index[0]} images are the hardest: {means.iloc[0]:.2f} dB, {others}"


@literal
def draw_strata(strata: Strata, kind: str) -> go.Figure:
    """Return RMSE by ratio and stratum of one kind, lower is better.

    Args:
        strata: What `compute_strata` gave.
        kind: polarisation, brightness or texture.
    """
    figure = base_figure()
    rows = strata.scores[strata.scores["kind"] == kind]
    names = set(rows["name"])
    for name in (*architecture_order(names - {"jpeg2000"}), *({"jpeg2000"} & names)):
        style = style_of(name)
        part = rows[rows["name"] == name]
        figure.add_scatter(
            x=[[f"{ratio}x" for ratio in part["ratio"]], part["stratum"].tolist()],
            y=part["rmse_db"].tolist(),
            error_y={
                "type": "data",
                "array": (part["high_db"] - part["rmse_db"]).fillna(0).tolist(),
                "arrayminus": (part["rmse_db"] - part["low_db"]).fillna(0).tolist(),
                "width": 3,
            },
            customdata=part["num_images"].tolist(),
            mode="markers",
            marker={
                "color": style.colour,
                "symbol": style.symbol,
                "size": 9,
                "line": {"color": style.colour, "width": 1.5 if "open" in style.symbol else 0},
            },
            name=style.label,
            hovertemplate="%{x}: %{y:.3f} dB over %{customdata} images<extra></extra>",
        )
    figure.update_xaxes(tickangle=-90)
    figure.update_yaxes(title="test RMSE, dB of backscatter")
    return with_title(figure, f"by {kind}, {strata.words}")


def _strata(rate: str, rows: pd.DataFrame, ratios: set[int]) -> Strata:
    first = rows.iloc[0]
    kind = "SYNTHETIC corpus" if first["is_synthetic"] else "corpus"
    rows = rows[rows["ratio"].isin(ratios)]
    images = rows.drop_duplicates("image").set_index("image")
    labels = {
        "polarisation": images["polarisation"].str.upper(),
        "brightness": _thirds(images["mean_db"], ("dark", "middle", "bright")),
        "texture": _thirds(images["texture"], ("smooth", "middle", "rough")),
    }
    scores = pd.concat([_scores(rows, name, labels[name]) for name in KINDS], ignore_index=True)
    return Strata(
        rate,
        f"{kind} {first['corpus']} ({first['corpus_fingerprint'][:8]}), {first['crop_px']} px, "
        f"{len(images)} test images, {kind_words(rate)}",
        scores,
    )


def _thirds(values: "pd.Series[float]", names: tuple[str, str, str]) -> "pd.Series[str]":
    """Return the third that each image is in, by rank, so that ties cannot empty one."""
    ranks = values.rank(method="first") - 1
    number = (ranks * 3 // max(len(values), 1)).astype(int)
    return number.map(dict(enumerate(names)))


def _scores(rows: pd.DataFrame, kind: str, labels: "pd.Series[str]") -> pd.DataFrame:
    labelled = rows.assign(stratum=rows["image"].map(labels))
    order = list(dict.fromkeys(labels.sort_index() if kind == "polarisation" else ()))
    found = []
    for (ratio, name, stratum), part in labelled.groupby(["ratio", "name", "stratum"]):
        means = part.groupby("image")["rmse_db"].mean().to_numpy(dtype=np.float64)
        score = interval(means[None, :])
        low_db, high_db = score.ends
        found.append(
            {
                "kind": kind,
                "ratio": ratio,
                "name": name,
                "stratum": stratum,
                "rmse_db": score.mean,
                "low_db": low_db,
                "high_db": high_db,
                "num_images": len(means),
            }
        )
    places = order or ["dark", "smooth", "middle", "bright", "rough"]
    frame = pd.DataFrame(found)
    keys = frame.assign(place=frame["stratum"].map(places.index))
    return frame.loc[keys.sort_values(["ratio", "place", "name"]).index]
