"""Draw promotions: dots of seeds, forest of paired differences, winner's curse."""

from collections.abc import Iterator

import pandas as pd
import plotly.graph_objects as go

from analysis.page.figure_parts import base_figure, with_title
from analysis.page.literal import literal
from analysis.page.palette import GREY, architecture_order, style_of
from analysis.promotions.differences import Promotion

AGAINST_WORDS = {"control": "control", "rival": "runner-up"}


def seeds_finding(promotion: Promotion, ratio: int) -> str:
    """Return which candidate is the best at a ratio."""
    verdicts = promotion.verdicts[promotion.verdicts["ratio"] == ratio]
    verdicts = verdicts.dropna(subset=["val_psnr_db"])
    if verdicts.empty:
        return f"{ratio}x: no verdict yet"
    best = verdicts.sort_values("val_psnr_db").iloc[-1]
    label = style_of(str(best["arch"])).label
    return f"{ratio}x: {label} {best['candidate']} is the best, {best['val_psnr_db']:.2f} dB"


def differences_finding(promotion: Promotion, against: str) -> str:
    """Return how many candidates are told apart from what they are compared with."""
    rows = promotion.differences[promotion.differences["against"] == against]
    above, below = int((rows["low_db"] > 0).sum()), int((rows["high_db"] < 0).sum())
    who, whom = {"control": ("candidates", "the hand-set control")}.get(
        against, ("winners", "their runner-up")
    )
    worse = f", {below} below" if below else ""
    return f"{above} of {len(rows)} {who} are above {whom}, told apart from it{worse}"


def curse_finding(promotion: Promotion) -> str:
    """Return by how much searches flattered their candidates."""
    shrunk_db = promotion.verdicts["shrinkage_db"].dropna()
    if shrunk_db.empty:
        return "Promoted scores against those of the search"
    return f"Searches flattered their candidates by {shrunk_db.median():.2f} dB in the median"


@literal
def draw_seeds(promotion: Promotion, ratio: int) -> go.Figure:
    """Return validation PSNR by candidate at a ratio: seeds, and the mean with its interval."""
    figure = base_figure()
    seeds = promotion.seeds[promotion.seeds["ratio"] == ratio]
    verdicts = promotion.verdicts[promotion.verdicts["ratio"] == ratio]
    for arch in architecture_order(set(seeds["arch"])):
        style = style_of(arch)
        rows = seeds[seeds["arch"] == arch]
        means = verdicts[verdicts["arch"] == arch]
        figure.add_scatter(
            x=[[arch] * len(rows), rows["candidate"].tolist()],
            y=rows["val_psnr_db"].tolist(),
            customdata=rows["seed"].tolist(),
            mode="markers",
            marker={"color": style.colour, "symbol": f"{style.symbol}-open", "size": 8},
            name=f"{style.label}, one seed each",
            showlegend=False,
            hovertemplate="seed %{customdata}: %{y:.3f} dB<extra></extra>",
        )
        figure.add_scatter(
            x=[[arch] * len(means), means["candidate"].tolist()],
            y=means["val_psnr_db"].tolist(),
            error_y={
                "type": "data",
                "array": (means["val_psnr_high_db"] - means["val_psnr_db"]).fillna(0).tolist(),
                "arrayminus": (means["val_psnr_db"] - means["val_psnr_low_db"]).fillna(0).tolist(),
                "width": 8,
            },
            mode="markers",
            marker={
                "color": style.colour,
                "symbol": "line-ew-open",
                "size": 18,
                "line": {"width": 3},
            },
            name=f"{style.label}, mean and 95 % interval",
            showlegend=False,
            hovertemplate="mean %{y:.3f} dB<extra></extra>",
        )
    figure.update_yaxes(title="validation PSNR, dB")
    return with_title(figure, f"{ratio}x, {promotion.words}")


@literal
def draw_differences(promotion: Promotion, against: str) -> go.Figure:
    """Return paired differences with their 95 % intervals, one line per candidate.

    Args:
        promotion: What `compute_promotions` gave.
        against: control or rival.
    """
    rows = promotion.differences[promotion.differences["against"] == against]
    figure = base_figure()
    figure.add_vline(x=0, line={"color": GREY, "width": 1})
    for arch in architecture_order(set(rows["arch"])):
        style = style_of(arch)
        of_arch = rows[rows["arch"] == arch]
        figure.add_scatter(
            x=of_arch["mean_db"].tolist(),
            y=list(_pair_names(of_arch)),
            error_x={
                "type": "data",
                "array": (of_arch["high_db"] - of_arch["mean_db"]).fillna(0).tolist(),
                "arrayminus": (of_arch["mean_db"] - of_arch["low_db"]).fillna(0).tolist(),
                "width": 5,
            },
            customdata=of_arch[["other", "p_holm", "num_images"]].to_numpy().tolist(),
            mode="markers",
            marker={"color": style.colour, "symbol": style.symbol, "size": 10},
            name=style.label,
            hovertemplate=(
                "%{y} minus %{customdata[0]}: %{x:+.3f} dB, p %{customdata[1]:.3g} over "
                "%{customdata[2]} images<extra></extra>"
            ),
        )
    figure.update_xaxes(title=f"PSNR over {AGAINST_WORDS[against]}, dB")
    figure.update_yaxes(
        categoryorder="array", categoryarray=list(_pair_names(rows))[::-1], tickfont={"size": 11}
    )
    figure.update_layout(height=max(320, 150 + 22 * len(rows)))
    return with_title(figure, f"validation images, {promotion.words}")


@literal
def draw_winners_curse(promotion: Promotion) -> go.Figure:
    """Return the promoted score of each candidate against the score that it was chosen by."""
    rows = promotion.verdicts.dropna(subset=["search_val_psnr_db"])
    figure = base_figure()
    if not rows.empty:
        both = pd.concat([rows["search_val_psnr_db"], rows["val_psnr_db"]])
        ends = [both.min(), both.max()]
        figure.add_scatter(
            x=ends,
            y=ends,
            mode="lines",
            line={"color": GREY, "dash": "dash", "width": 1},
            name="equal",
            hoverinfo="skip",
        )
    for arch in architecture_order(set(rows["arch"])):
        style = style_of(arch)
        of_arch = rows[rows["arch"] == arch]
        is_control = of_arch["candidate"] == "control"
        figure.add_scatter(
            x=of_arch["search_val_psnr_db"].tolist(),
            y=of_arch["val_psnr_db"].tolist(),
            text=list(_pair_names(of_arch)),
            customdata=of_arch["shrinkage_db"].tolist(),
            mode="markers",
            marker={
                "color": style.colour,
                "symbol": [f"{style.symbol}{'-open' if open_ else ''}" for open_ in is_control],
                "size": 10,
            },
            name=f"{style.label} (open: control)",
            hovertemplate=(
                "%{text}: %{x:.3f} in the search, %{y:.3f} promoted, shrinkage "
                "%{customdata:.3f} dB<extra></extra>"
            ),
        )
    figure.update_xaxes(title="validation PSNR in the search, dB")
    figure.update_yaxes(title="promoted, mean over seeds, dB")
    return with_title(figure, promotion.words)


def _pair_names(rows: pd.DataFrame) -> Iterator[str]:
    for arch, ratio, candidate in zip(rows["arch"], rows["ratio"], rows["candidate"], strict=True):
        yield f"{arch} {ratio}x {candidate}"
