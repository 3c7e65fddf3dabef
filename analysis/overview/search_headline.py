"""The answer in large type where nothing is promoted: what searches found, and that it flatters."""

from typing import Any

import pandas as pd

from analysis.kinds import BYTES
from analysis.overview.search_scores import SearchScores
from analysis.page.palette import capital, style_of
from analysis.page.section import Fact
from analysis.searches.progress import reference_scores
from analysis.study_view import StudyView, format_value

FLATTERS = "Validation, one seed, no interval: the best of many flatters, so promote it to be sure."


def scores_headline(scores: SearchScores) -> tuple[str, str]:
    """Return which architecture leads the searches, and what that is worth."""
    best = _best(scores)
    most = str(best["arch"].value_counts().index[0])
    count = int((best["arch"] == most).sum())
    what = "rates" if scores.rate == BYTES else "ratios"
    return f"{capital(most)} leads at {count} of {len(best)} {what} searched", FLATTERS


def scores_facts(scores: SearchScores) -> tuple[Fact, ...]:
    """Return the best architecture of each ratio, and what its search gained."""
    return tuple(_score_fact(scores, row) for _, row in _best(scores).iterrows())


def _best(scores: SearchScores) -> pd.DataFrame:
    column = scores.objective.plain_column
    best = scores.best.sort_values(column).drop_duplicates("ratio", keep="last")
    return best.sort_values("ratio")


def _score_fact(scores: SearchScores, row: "pd.Series[Any]") -> Fact:
    objective, ratio = scores.objective, int(row["ratio"])
    where = f"{8 / ratio:.3g} bit/px ({ratio}x)" if scores.rate == BYTES else f"{ratio}x"
    style = style_of(str(row["arch"]))
    gain = float(row[scores.gain])
    gained = "no hand-set trial" if pd.isna(gain) else f"{objective.signed(gain)} over hand-set"
    score = objective.text(row[objective.plain_column])
    sure = f"the best of {row['num_trials']} trials"
    return Fact(where, style.label, f"{score}, {gained}", sure, style.colour)


def study_headline(view: StudyView) -> tuple[str, str]:
    """Return what one search reached, and what that is worth."""
    best = view.scored.iloc[0]
    score = view.objective.text(best[view.objective.best_column])
    what = "" if view.objective.name == "psnr" else f" {view.objective.words}"
    return (
        f"{capital(view.arch)} reaches {score}{what}{view.at_rate or f' at {view.ratio}x'}",
        f"{view.ratio_words}, on {best['corpus']}{' (SYNTHETIC)' if best['is_synthetic'] else ''}. "
        f"{FLATTERS}",
    )


def study_facts(view: StudyView) -> tuple[Fact, ...]:
    """Return the best configuration of one search, what it gained, and what it cost."""
    objective, scored = view.objective, view.scored
    best = scored.iloc[0]
    score = float(best[objective.best_column])
    values = [f"{dim.name.replace('_', ' ')} {format_value(best[dim.name])}" for dim in view.space]
    colour = style_of(view.arch).colour
    facts = [
        Fact(
            f"best configuration, {best['label']}",
            values[0] if values else "unknown space",
            ", ".join(values[1:]),
            f"epoch {best['best_epoch']} of {best['max_epochs']}",
            colour,
        )
    ]
    hand_set = scored.loc[scored["proposed_by"] == "hand_set", objective.best_column]
    if len(hand_set):
        level = float(hand_set.iloc[0])
        is_best = best["proposed_by"] == "hand_set"
        facts.append(
            Fact(
                "gained over hand-set values",
                "nothing" if is_best else objective.signed(score - level),
                "the hand-set trial is the best"
                if is_best
                else f"{objective.text(score)} against {objective.text(level)}",
                f"the best of {len(scored)} against one",
                colour,
            )
        )
    for name, level in sorted(reference_scores(view).items(), key=lambda one: one[1])[-1:]:
        label = style_of(name).label
        facts.append(
            Fact(
                f"against {label}{view.at_rate}",
                objective.signed(score - level),
                f"{objective.text(score)} against {objective.text(level)}",
                "the best of the reference lines",
                colour,
            )
        )
    return (*facts, _cost_fact(view, colour))


def _cost_fact(view: StudyView, colour: str) -> Fact:
    trials = view.trials
    asked = int(trials["max_epochs"].sum())
    spent = int(trials["epochs_finished"].sum())
    hours = float((trials["wall_s"] - trials["wait_s"]).clip(lower=0).sum()) / 3600
    time = f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.2g} min"
    num_stopped = int((trials["outcome"] == "stopped").sum())
    return Fact(
        "cost",
        f"{len(trials)} trials",
        f"{spent} of {asked} epochs, {time} of workers",
        f"{num_stopped} stopped, {int(trials['is_crash'].sum())} crashed",
        colour,
    )
