"""Which configurations of a search are promoted, chosen from its tables alone.

The best by validation score at the best epoch, and a hand-set control that always joins as the
thing to beat. Crashed trials count with the epochs that they finished. A stopped one was judged too
early to be ranked by its score, so it counts only where its curve was ahead at the same epoch.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.space.dimension import Values
from tune.space.dimensions import read_values
from tune.space.points import CONTROL, Candidate
from tune.statistics.objectives import check_scored, objective_named

CONTROL_WARMUP_EPOCHS = 3
CONTROL_VALUES: Values = {"learning_rate": 1e-4, "schedule": "plateau", "mse_weight": 0.5}
"""What the predecessor's hand-set runs were trained with; its networks had no linear path."""

ELIGIBLE = (
    Outcome.COMPLETED,
    Outcome.STOPPED,
    Outcome.DIVERGED,
    Outcome.OUT_OF_MEMORY,
    Outcome.FAILED,
)
"""A rejected trial never ran, and an interrupted one has not ended."""


def choose_candidates(
    trials: pd.DataFrame,
    epochs: pd.DataFrame,
    control: Values,
    top: int,
    *,
    control_has_path: bool = False,
    results: Path | str | None = None,
) -> tuple[Candidate, ...]:
    """Return the best candidates of one search, best first, and the control as the last.

    A trial with the control's values is the control, and of trials with equal values the best one
    counts; the next best ones take the free places.

    Args:
        trials: The trials table of one study.
        epochs: Its epochs table.
        control: The hand-set values.
        top: How many candidates beside the control, 1 or more; fewer where there are no more.
        control_has_path: Whether the control's model has a linear path. It is trained for elements.
        results: The results folder of the study, which a refusal names; None for the default one.

    Raises:
        UsageError: If fewer than one candidate is asked for, no trial can be one, or the tables
            lack the score that the search maximised.
    """
    if top < 1:
        raise UsageError(f"--top must be 1 or more, found {top}: promote at least the best trial")
    ranked = rank_trials(trials, epochs, results)
    if not ranked:
        raise UsageError(
            "a promotion needs a trial with a score, found none that was not stopped early in "
            f"{', '.join(sorted(set(trials['study']))) or 'the search'}: search again"
        )
    chosen: list[Candidate] = []
    taken: list[Values] = []
    control_row: Mapping[Any, Any] | None = None
    for rank, row in enumerate(ranked, start=1):
        values = read_values(row)
        is_of_its_kind = row["rate"] == "elements" and row["linear_path"] == control_has_path
        if values == control and is_of_its_kind:
            control_row = control_row or row
            continue
        if len(chosen) < top and values not in taken:
            taken.append(values)
            chosen.append(_candidate(f"c{len(chosen) + 1}", values, row, rank))
    return (*chosen, _candidate(CONTROL, control, control_row))


def rank_trials(
    trials: pd.DataFrame, epochs: pd.DataFrame, results: Path | str | None = None
) -> list[Mapping[Any, Any]]:
    """Return the rows of trials that can be candidates, best first; ties by number.

    A stopped trial counts only if its best score up to its last epoch is above the best score of
    every completed trial up to that same epoch. Scores are those of the search's objective.

    Raises:
        UsageError: If the tables lack that score.
    """
    if trials.empty:
        return []
    objective = objective_named(trials["objective"].iloc[0])
    check_scored(objective, epochs, results)
    score = objective.best_column
    scored = trials[trials[score].notna() & trials["outcome"].isin(ELIGIBLE)]
    rows = scored.to_dict("records")
    curves = {
        number: group.sort_values("epoch").set_index("epoch")[objective.column].cummax()
        for number, group in epochs.groupby("trial_number")
    }
    completed = [curves[row["trial_number"]] for row in rows if row["outcome"] == Outcome.COMPLETED]
    kept = [
        row
        for row in rows
        if row["outcome"] != Outcome.STOPPED or _is_ahead(curves[row["trial_number"]], completed)
    ]
    return sorted(kept, key=lambda row: (-row[score], row["trial_number"]))


def _candidate(
    name: str, values: Values, row: Mapping[Any, Any] | None, rank: int | None = None
) -> Candidate:
    """Return a candidate with what its trial tells; the control comes from no trial."""
    if row is None:
        return Candidate(name, values, None, None, None, None, None)
    epochs = int(row["epochs_finished"])
    return Candidate(
        name=name,
        values=values,
        rank=rank,
        source_trial=None if rank is None else str(row["trial"]),
        search_val_psnr_db=float(row["best_val_psnr_db"]),
        search_train_s=float(row["train_s"]) / epochs,
        search_val_s=float(row["val_s"]) / epochs,
    )


def _is_ahead(curve: "pd.Series[float]", completed: Sequence["pd.Series[float]"]) -> bool:
    """Whether a curve of best scores lies above all others at its own last epoch."""
    last = curve.index[-1]
    return all(curve.iloc[-1] > other.loc[:last].iloc[-1] for other in completed)
