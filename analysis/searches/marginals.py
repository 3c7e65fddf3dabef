"""What each searched value gave on its own, and warnings about best values at the edge."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from analysis.study_view import StudyView, format_value
from tune.space.dimension import Dimension
from tune.space.edges import Edge, find_edge

NUM_BINS = 5
"""Bins of a range without single values; equal steps, of the logarithm where it is searched so."""

MAX_VALUES = 12
"""Whole numbers up to which each one has a row of its own."""


@dataclass(frozen=True)
class Marginals:
    """What each value of each dimension gave.

    Attributes:
        values: One row per dimension and value (or bin), in the order of the space: `dimension`,
            `value`, `num_trials`, `num_scored`, `mean_best`, `max_best`, `crash_rate`, and
            `first_rung_mean`, the mean at the first rung, where all trials were trained equally
            long.
        edges: The dimensions whose best value lies at the edge of its range.
    """

    values: pd.DataFrame
    edges: tuple[Edge, ...]


def compute_marginals(view: StudyView) -> Marginals:
    """Return the marginals of all dimensions.

    Crashes count over the trials that have ended; every choice of the space has a row, also one
    that no trial had.
    """
    trials = view.trials.merge(_first_rung(view), on="trial_number", how="left")
    tables = [_of_dimension(trials, dim, view.objective.best_column) for dim in view.space]
    return Marginals(
        pd.concat(tables, ignore_index=True) if tables else _of_nothing(), find_edges(view)
    )


def find_edges(view: StudyView) -> tuple[Edge, ...]:
    """Return the dimensions whose best value lies at the edge of its range."""
    scored = view.scored
    if scored.empty:
        return ()
    best = scored.iloc[0]
    found = [find_edge(dim, best[dim.name]) for dim in view.space if dim.contains(best[dim.name])]
    return tuple(edge for edge in found if edge is not None)


def _first_rung(view: StudyView) -> pd.DataFrame:
    """Return the score of each trial at the first rung; none where nobody compares."""
    epoch = view.rungs["rung_epoch"].min()
    reached = view.epochs[view.epochs["epoch"] == epoch] if len(view.rungs) else view.epochs[:0]
    score = view.objective.column
    return reached[["trial_number", score]].rename(columns={score: "first_rung"})


def _of_dimension(trials: pd.DataFrame, dimension: Dimension, score: str) -> pd.DataFrame:
    places, labels = _places(trials[dimension.name], dimension)
    is_over = ~trials["outcome"].isin(["running", "interrupted"])
    by_place = trials.assign(
        place=places, crashed=trials["is_crash"].where(is_over).astype("float64")
    ).groupby("place")
    found = by_place.agg(
        num_trials=("trial", "size"),
        num_scored=(score, "count"),
        mean_best=(score, "mean"),
        max_best=(score, "max"),
        first_rung_mean=("first_rung", "mean"),
        crash_rate=("crashed", "mean"),
    ).reindex(range(len(labels)))
    counts = found[["num_trials", "num_scored"]].fillna(0).astype("int64")
    found = found.assign(**counts).reset_index(drop=True)
    found.insert(0, "value", labels)
    found.insert(0, "dimension", dimension.name)
    return found


def _places(values: "pd.Series[Any]", dimension: Dimension) -> tuple[Any, list[str]]:
    """Return the row of the table that each trial belongs to, and the rows' labels."""
    if dimension.kind == "categorical":
        choices = list(dimension.choices)
        return values.map(choices.index), [str(choice) for choice in choices]
    assert dimension.low is not None
    assert dimension.high is not None
    low, high = dimension.low, dimension.high
    if dimension.kind == "int" and high - low < MAX_VALUES:
        return values - int(low), [str(value) for value in range(int(low), int(high) + 1)]
    edges = (
        np.geomspace(low, high, NUM_BINS + 1)
        if dimension.log
        else np.linspace(low, high, NUM_BINS + 1)
    )
    places = np.clip(np.searchsorted(edges, values.to_numpy(), side="right") - 1, 0, NUM_BINS - 1)
    labels = [f"{format_value(float(a))} to {format_value(float(b))}" for a, b in pairwise(edges)]
    return places, labels


def _of_nothing() -> pd.DataFrame:
    names = ("dimension", "value", "num_trials", "num_scored", "mean_best", "max_best")
    return pd.DataFrame(columns=[*names, "first_rung_mean", "crash_rate"])
