"""What a results folder knows of whole learning curves: its searches as truths to replay.

A trial that was stopped has no curve to its end, and no replay can tell what it would have become;
such trials are left out, and a sentence says so.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from models.training.objective import OBJECTIVES
from tune.commands import first_search
from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.results.searches import Search, find_searches
from tune.simulation.truth import Configuration, Curve, Truth, values_of

MIN_CONFIGURATIONS = 8
"""Configurations with whole curves below which a replay says nothing."""

WHOLE = (Outcome.COMPLETED.value, Outcome.DIVERGED.value)
"""Outcomes after which nothing is left to learn about a configuration."""


def read_studies(
    results: str, study: str | None, objective: str | None
) -> tuple[list[tuple[Search, Truth]], list[str]]:
    """Return the searches that can be replayed, oldest first, and why others cannot.

    Args:
        results: Folder of all studies.
        study: Name of the one to replay; None for all.
        objective: What is maximised; None for what each study did.

    Raises:
        UsageError: If there is no such study, or none that can be replayed.
    """
    searches = find_searches(results, None, None)
    if study is not None:
        searches = [one for one in searches if one.name == study]
    if not searches:
        what = "a study" if study is None else f"the study {study!r}"
        raise UsageError(
            f"a replay needs {what} in {results!r}, found none: make one with "
            f"{first_search(results)}, or replay recorded truth with --truth"
        )
    found: list[tuple[Search, Truth]] = []
    sentences: list[str] = []
    for search in reversed(searches):
        truth = read_study(search, objective or search.config.objective)
        sentences += truth.left_out
        if len(truth.configurations) >= MIN_CONFIGURATIONS:
            found.append((search, truth))
        else:
            sentences.append(
                f"{search.name} has {len(truth.configurations)} configurations with whole "
                f"curves, a replay needs {MIN_CONFIGURATIONS}: search with --audit 1, which runs "
                "all trials to their end"
            )
    if not found:
        raise UsageError("; ".join(sentences))
    return found, sentences


def read_study(search: Search, objective: str) -> Truth:
    """Return the whole curves of one search.

    Raises:
        UsageError: If its tables lack what is maximised.
    """
    trials, epochs = search.trials(), search.epochs()
    column = OBJECTIVES[objective].column
    if column not in epochs or epochs[column].isna().all():
        raise UsageError(
            f"--objective must be one that the trials were scored by, found {objective!r} for "
            f"{search.name}: leave it out"
        )
    dimensions = search.config.space.dimensions
    by_trial = {name: rows.sort_values("epoch") for name, rows in epochs.groupby("trial")}
    rows: list[dict[Any, Any]] = trials.to_dict("records")
    whole = [row for row in rows if row["outcome"] in WHOLE]
    configurations = [
        Configuration(
            row["trial"],
            values_of(row, dimensions),
            (_curve(by_trial.get(row["trial"]), column, row["outcome"]),),
        )
        for row in whole
    ]
    hand_set = trials["proposed_by"] == "hand_set"
    has_hand_set = any(row["proposed_by"] == "hand_set" for row in whole) and hand_set.any()
    return Truth(
        label=search.name,
        max_epochs=search.config.epochs,
        dimensions=dimensions,
        configurations=tuple(_without_twins(configurations)),
        hand_set=search.config.hand_set if has_hand_set else None,
        objective=objective,
        left_out=_left_out(search.name, len(trials), len(whole)),
    )


def _curve(epochs: "pd.DataFrame | None", column: str, outcome: str) -> Curve:
    is_diverged = outcome == Outcome.DIVERGED.value
    if epochs is None:
        return Curve((), (), is_diverged)
    seconds = epochs["train_s"] + epochs["val_s"]
    return Curve(tuple(map(float, epochs[column])), tuple(map(float, seconds)), is_diverged)


def _without_twins(configurations: Sequence[Configuration]) -> list[Configuration]:
    """Return the first of configurations with equal values: a table has one place for each."""
    kept: dict[tuple[object, ...], Configuration] = {}
    for one in configurations:
        kept.setdefault(tuple(one.values.values()), one)
    return list(kept.values())


def _left_out(name: str, num_trials: int, num_whole: int) -> tuple[str, ...]:
    if num_whole == num_trials:
        return ()
    return (
        f"{name}: {num_trials - num_whole} of {num_trials} trials have no curve to their end "
        "(stopped, failed or still running) and are left out",
    )
