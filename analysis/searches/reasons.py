"""Why trials ended, in sentences: of each trial, and of trials that ended alike."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.study_view import StudyView
from models.training.objective import Objective

_NUMBER = re.compile(r"(?<![A-Za-z_])[-+]?\d[\d.,]*(e[-+]?\d+)?")
_OLD_STOP = re.compile(r"([\d.]+)\D* at epoch (\d+) is below the ([\d.]+)\D* needed to continue")


def reasons_of(view: StudyView) -> "pd.Series[str]":
    """Return why each trial ended, in one line; empty where it completed or is running."""
    objective = view.objective
    stops = _stops(view, objective)
    facts = view.trials[["trial_number", "outcome", "reason"]].to_dict("records")
    return pd.Series(
        [_reason(row, stops, objective) for row in facts],
        index=view.trials.index,
        dtype="object",
    )


def kind_of(reason: str) -> str:
    """Return what reasons have in common that differ only in numbers; a stop keeps its epoch.

    >>> kind_of("train loss is nan in epoch 3"), kind_of("stopped at epoch 3: 17.80 dB, needed 18")
    ('train loss is nan in epoch N', 'stopped at epoch 3')
    """
    if reason.startswith("stopped at epoch"):
        return reason.partition(":")[0]
    return _NUMBER.sub("N", reason)


def join_reasons(reasons: Sequence[str]) -> str:
    """Return one sentence for reasons of a kind.

    >>> join_reasons(["stopped at epoch 3: 17.80 dB, needed 18.20",
    ...               "stopped at epoch 3: 16.00 dB, needed 18.10"])
    'stopped at epoch 3: 16.00 to 17.80 dB, needed 18.10 to 18.20'
    """
    first, *others = reasons
    if all(other == first for other in others):
        return first
    if not first.startswith("stopped at epoch"):
        return f"such as: {first}"
    where, _, _ = first.partition(":")
    scores, needed = zip(*(_parts(reason) for reason in reasons), strict=True)
    unit = first.partition(",")[0].rpartition(" ")[2]
    unit = f" {unit}" if not unit[0].isdigit() else ""
    return f"{where}: {_span(scores)}{unit}, needed {_span(needed)}"


def _reason(row: Mapping[Any, Any], stops: Mapping[int, str], objective: Objective) -> str:
    outcome, text = row["outcome"], row["reason"]
    if outcome in ("completed", "running"):
        return ""
    if outcome == "stopped" and row["trial_number"] in stops:
        return stops[row["trial_number"]]
    last = text.strip().split("\n")[-1] if isinstance(text, str) else ""
    old = _OLD_STOP.fullmatch(last)
    if old is None:
        return last
    return _sentence(int(old[2]), float(old[1]), float(old[3]), objective)


def _stops(view: StudyView, objective: Objective) -> dict[int, str]:
    """Return the sentences of the stops, by number of the trial."""
    turned_away = view.rungs[~view.rungs["kept"]].dropna(subset=["cutoff"])
    columns = turned_away[["trial_number", "rung_epoch", "value", "cutoff"]]
    return {
        number: _sentence(epoch, value, cutoff, objective)
        for number, epoch, value, cutoff in columns.itertuples(index=False)
    }


def _sentence(epoch: int, value: float, cutoff: float, objective: Objective) -> str:
    return (
        f"stopped at epoch {epoch}: {objective.text(value)}, needed {cutoff:.{objective.decimals}f}"
    )


def _parts(reason: str) -> tuple[str, str]:
    score, _, needed = reason.partition(": ")[2].partition(", needed ")
    return score.partition(" ")[0], needed


def _span(texts: Sequence[str]) -> str:
    rising = sorted(texts, key=float)
    return rising[0] if rising[0] == rising[-1] else f"{rising[0]} to {rising[-1]}"
