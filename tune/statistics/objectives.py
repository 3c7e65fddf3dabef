"""The objective of a study, as its tables name it, and whether they hold its score."""

from pathlib import Path
from typing import TYPE_CHECKING

from models.training.objective import OBJECTIVES, Objective
from tune.commands import typed
from tune.errors import UsageError

if TYPE_CHECKING:  # a status has no time to load it
    import pandas as pd


def objective_named(name: str) -> Objective:
    """Return the objective of this name.

    Raises:
        UsageError: If there is none: a later release wrote it.
    """
    if name not in OBJECTIVES:
        raise UsageError(
            f"a study maximises one of {', '.join(OBJECTIVES)}, found {name!r} in its tables: read "
            "it with the release that wrote it"
        )
    return OBJECTIVES[name]


def check_scored(
    objective: Objective, epochs: "pd.DataFrame", results: Path | str | None = None
) -> None:
    """Refuse an epochs table without the score that its study maximises.

    Args:
        objective: What is maximised.
        epochs: The table of one study.
        results: The results folder that it is of, which the refusal names; None for the default.

    Raises:
        UsageError: If there are epochs and none of them has it.
    """
    if len(epochs) and epochs[objective.column].isna().all():
        study = epochs["study"].iloc[0]
        repair = typed("tune.doctor", study, "--repair", results=results)
        raise UsageError(
            f"a study that maximises {objective.words} has it in every epoch, found the epochs of "
            f"{study} without {objective.column}: {repair} writes the tables again"
        )
