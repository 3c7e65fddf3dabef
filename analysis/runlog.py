"""RUNLOG.md: what was searched, what came out, what to do next; one section per study.

Written from the tables alone by one template, so that the same tables give the same bytes: no
moment of writing, no version, no order of files.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.frames import Frames
from analysis.next_step import compute_next_step
from analysis.searches.generalisation_gap import compute_generalisation_gap
from analysis.searches.marginals import compute_marginals, find_edges
from analysis.searches.outcome_counts import compute_outcome_counts
from analysis.searches.progress import reference_scores
from analysis.searches.replays import compute_replays
from analysis.searches.rung_audit import compute_rung_audit
from analysis.searches.time_spent import compute_time_spent
from analysis.study_view import CRASHES, StudyView, format_value, view_studies, words_of
from tune.space.dimension import Dimension, format_range

MAX_ROWS = 10
"""Rows of a table of results; the hand-set trial is always one of them."""

INTRODUCTION = """# Run log

Written by `python -m analysis.report` from the tables of the studies: the same tables give the
same text. Scores are validation PSNR in dB, mean over images, relative to the corpus's bounds: at
8 / ratio bit per pixel where the ratio is of bytes, unquantised where it is of elements. All "best"
values of a trial come from the epoch of its best score, except the best loss, which has its own.
One training seed per trial: differences of a few hundredths say nothing.
"""


def write_runlog(frames: Frames) -> str:
    """Return the text of RUNLOG.md: the studies in the order of their names."""
    views = view_studies(frames)
    sections = [study_section(view, frames) for view in views]
    if not views:
        sections = ["No study has begun yet. Next:\n\n    python -m tune.search --dry-run\n"]
    notes = [f"- {note}\n" for note in frames.notes]
    if notes:
        sections.append("## What could not be read\n\n" + "".join(notes))
    return "\n".join([INTRODUCTION, *sections])


def study_section(view: StudyView, frames: Frames) -> str:
    """Return the section of one study."""
    parts: list[tuple[str, Iterable[str]]] = [
        ("Purpose", _purpose(view)),
        ("Configuration", _configuration(view, frames.manifests.get(view.name, {}))),
        ("Results", _results(view)),
        ("What worked", _what_worked(view)),
        ("What crashed and why", _what_crashed(view)),
        ("Edge warnings", _edge_warnings(view)),
        *_next(view, frames),
    ]
    body = "\n".join(f"### {title}\n\n" + "\n".join(lines) + "\n" for title, lines in parts)
    return f"## {view.name}\n\n{body}"


def _purpose(view: StudyView) -> list[str]:
    searched = _join([dim.name.replace("_", " ") for dim in view.space]) or "an unknown space"
    what = "an architecture that is not known"
    if view.arch:
        what = f"{view.arch} at {view.ratio_words}{view.at_rate.replace(' at ', ', ')}"
    where = ""
    if not view.trials.empty:
        first = view.trials.iloc[0]
        kind = "synthetic corpus" if first["is_synthetic"] else "corpus"
        where = (
            f" on the {kind} {first['corpus']}, scored on {first['val_images']} frozen validation "
            f"images of {first['crop_px']} px"
        )
    return [f"Find {searched} of {what}{where}."]


def _configuration(view: StudyView, manifest: Mapping[str, Any]) -> list[str]:
    config = view.config
    lines = [f"- trials: {len(view.trials)} of {view.num_planned}"]
    if not view.trials.empty:
        first = view.trials.iloc[0]
        lines += [
            f"- fidelity: {first['max_epochs']} epochs, {first['data_fraction']:.3g} of the "
            f"training patches, batches of {_values(view.trials['batch_size'])}",
            f"- machine: {_values(view.trials['device'])}, {_values(view.trials['precision'])}",
            f"- pixels: corpus fingerprint {first['corpus_fingerprint']}, split "
            f"{first['split_fingerprint']}",
        ]
    if view.objective.name != "psnr":
        lines.append(f"- objective: {view.objective.words}, which every score below is")
    rungs = sorted({int(epoch) for epoch in view.rungs["rung_epoch"]})
    lines += [
        f"- searcher: {config.get('searcher', 'unknown')}, seed {config.get('seed', 'unknown')}; "
        f"scheduler: {config.get('scheduler', 'unknown')}"
        + (f", rungs that judged at epochs {_join([str(epoch) for epoch in rungs])}" * bool(rungs)),
        f"- commit: {manifest.get('commit') or 'unknown'}",
        "- space: " + ("; ".join(f"`{format_range(dim)}`" for dim in view.space) or "unknown"),
    ]
    return lines


def _results(view: StudyView) -> list[str]:
    scored = view.scored
    if scored.empty:
        return ["No trial finished an epoch."]
    shown = scored.head(MAX_ROWS)
    hand_set = scored[scored["proposed_by"] == "hand_set"].head(1)
    rows = pd.concat([shown, hand_set[~hand_set.index.isin(shown.index)]])
    losses = _best_losses(view, rows["trial_number"])
    places = {number: place for place, number in enumerate(scored["trial_number"], start=1)}
    objective = view.objective
    of_training = "train score" if objective.name == "psnr" else "train PSNR"
    lines = [
        f"| # | trial | configuration | best score{objective.bracket} (epoch) | best loss (epoch) "
        f"| {of_training} [dB] | gap [dB] | outcome |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows.to_dict("records"):
        origin = " (hand-set)" if row["proposed_by"] == "hand_set" else ""
        lines.append(
            f"| {places[row['trial_number']]} | {row['label']}{origin} "
            f"| {words_of(row, view.space)} "
            f"| {row[objective.best_column]:.{objective.decimals}f} ({row['best_epoch']}) "
            f"| {losses.get(row['trial_number'], '-')} | {_number(row['best_train_psnr_db'])} "
            f"| {_number(row['psnr_gap_db'], sign=True)} | {row['outcome'].replace('_', ' ')} |"
        )
    left_out = len(scored) - len(rows)
    if left_out:
        lines += ["", f"{left_out} more trials have a score; all are in the tables."]
    if view.trials["mse_weight"].nunique() > 1:
        lines += ["", "Losses compare only between equal weights of MSE."]
    return lines


def _best_losses(view: StudyView, numbers: "pd.Series[Any]") -> dict[int, str]:
    """Return the lowest validation loss of each trial and its epoch, first of ties."""
    epochs = view.epochs[view.epochs["trial_number"].isin(numbers)]
    epochs = epochs[np.isfinite(epochs["val_loss"])]
    lowest = epochs.loc[epochs.groupby("trial_number")["val_loss"].idxmin()]
    return {
        row["trial_number"]: f"{row['val_loss']:.4f} ({row['epoch']})"
        for row in lowest.to_dict("records")
    }


def _what_worked(view: StudyView) -> list[str]:
    scored = view.scored
    if scored.empty:
        return ["Nothing yet: no trial has a score."]
    best, objective = scored.iloc[0], view.objective
    score = float(best[objective.best_column])
    values = words_of(best.to_dict(), view.space)
    lines = [f"- best: {best['label']}, {objective.text(score)} with {values}"]
    hand_set = scored.loc[scored["proposed_by"] == "hand_set", objective.best_column]
    if best["proposed_by"] == "hand_set":
        lines.append("- it is the hand-set trial: the search found nothing better")
    elif len(hand_set):
        gain = objective.signed(score - float(hand_set.iloc[0]))
        lines.append(f"- gain over the hand-set trial: {gain}")
    for reference, level in sorted(reference_scores(view).items()):
        name = _reference_words(reference, view)
        lines.append(f"- against {name}: {objective.signed(score - level)}")
    lines += _good_values(view)
    lines.append(f"- {compute_generalisation_gap(view).words}")
    lines.append(f"- {compute_time_spent(view).words}")
    replays = compute_replays(view)
    if replays is not None:
        lines.append(f"- {replays.words}")
    return lines


_REFERENCES = {
    "block_klt": "block KLT, the linear optimum per block",
    "down_up": "area downsampling and bicubic upsampling",
}
_REFERENCES_OF_BYTES = {
    "block_klt": "block KLT, quantised and coded",
    "jpeg2000": "JPEG2000 of whole patches",
}


def _reference_words(reference: str, view: StudyView) -> str:
    if view.target_bpp is None:
        return _REFERENCES.get(reference, reference)
    return f"{_REFERENCES_OF_BYTES.get(reference, reference)}{view.at_rate}"


def _good_values(view: StudyView) -> list[str]:
    """Return for each dimension the value that did best where all trials were trained equally."""
    values = compute_marginals(view).values
    lines = []
    for dim in view.space:
        rows = values[(values["dimension"] == dim.name) & (values["num_scored"] >= 2)]
        score, where = "first_rung_mean", "at the first rung"
        if rows[score].isna().all():
            score, where = "mean_best", "at their best"
        rows = rows.dropna(subset=[score])
        if len(rows) < 2:
            continue
        ranked = rows.sort_values(score, ascending=False, kind="stable")
        good, rest = ranked.iloc[0], ranked.iloc[1:]
        others = float(np.average(rest[score], weights=rest["num_scored"]))
        text = view.objective.text
        lines.append(
            f"- {dim.name.replace('_', ' ')} {good['value']}: mean {text(good[score])} {where} "
            f"({good['num_scored']} trials), the other values {text(others)}"
        )
    return lines


def _what_crashed(view: StudyView) -> list[str]:
    counts = compute_outcome_counts(view)
    crashed = counts.counts[counts.counts["outcome"].isin([*CRASHES, "rejected"])]
    rate = "" if counts.crash_rate is None else f" of {counts.num_over} ended trials"
    lines = [f"{counts.num_crashed}{rate} crashed."] if counts.num_crashed else ["Nothing crashed."]
    lines += [
        f"- {row['num_trials']} {row['outcome'].replace('_', ' ')}: "
        f"{_reason(view, row['example'])} ({row['example']}{_which(view, row['outcome'])})"
        for row in crashed.to_dict("records")
    ]
    num_stopped = int((view.trials["outcome"] == "stopped").sum())
    if num_stopped:
        lines += ["", f"{num_stopped} stopped by rungs, which is no crash."]
        lines[-1] += f" {compute_rung_audit(view).words}"
    return lines if len(lines) == 1 or not counts.num_crashed else [lines[0], "", *lines[1:]]


def _reason(view: StudyView, label: str) -> str:
    """Return the last line of a trial's reason, as it was given."""
    reason = view.trials.loc[view.trials["label"] == label, "reason"].iloc[0]
    return str(reason).strip().splitlines()[-1] if isinstance(reason, str) else "no reason known"


def _which(view: StudyView, outcome: str) -> str:
    """Return what the crashed trials of an outcome have in common: the span of their values."""
    rows = view.trials[view.trials["outcome"] == outcome]
    spans = [_span(rows[dim.name], dim) for dim in view.space]
    return ", all with " + _join(spans) if len(rows) > 1 and spans else ""


def _span(values: "pd.Series[Any]", dimension: Dimension) -> str:
    name = dimension.name.replace("_", " ")
    if dimension.position(values.iloc[0]) is None:
        return f"{name} {_values(values)}"
    low, high = format_value(values.min()), format_value(values.max())
    return f"{name} {low}" if low == high else f"{name} {low} to {high}"


def _edge_warnings(view: StudyView) -> list[str]:
    if view.scored.empty:
        return ["None: nothing has a score."]
    return [f"- {edge.words}" for edge in find_edges(view)] or ["None."]


def _next(view: StudyView, frames: Frames) -> list[tuple[str, list[str]]]:
    runs = frames.runs[["study", "source_trial"]].dropna()
    is_of_study = runs["source_trial"].isin(view.trials["trial"])
    promotions = sorted(set(runs.loc[is_of_study, "study"]))
    step = compute_next_step(view, frames.studies, promotions)
    space = [
        f"- `{format_range(dim)}`" + (" (as before)" if dim == old else "")
        for dim, old in zip(step.space, view.space, strict=True)
    ]
    return [
        ("Suggested next search space", space or ["Unknown: the study's space is not known."]),
        ("Next command", [step.reason, "", f"    {step.command}"]),
    ]


def _number(value: float, *, sign: bool = False) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:+.2f}" if sign else f"{value:.2f}"


def _values(values: "pd.Series[Any]") -> str:
    """Return the different values of a column."""
    return ", ".join(str(value) for value in sorted(values.dropna().unique()))


def _join(words: list[str]) -> str:
    """Return words as in a sentence."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
