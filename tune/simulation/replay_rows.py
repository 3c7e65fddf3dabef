"""Rows of the tables of replays."""

import math
from collections.abc import Iterable
from typing import Any

from tune.statistics.replayed import Replayed


def replay_rows(
    study: str, replays: Iterable[Replayed], num_configurations: int
) -> list[dict[str, Any]]:
    """Return the rows of `replays` for one study."""
    return [
        {
            "study": study,
            "setting": one.setting,
            "flags": one.flags,
            "objective": one.objective,
            "is_own": one.is_own,
            "num_configurations": num_configurations,
            "num_nights": one.num_nights,
            "trials": one.trials,
            "max_epochs": one.max_epochs,
            "epochs_spent": one.epochs.value,
            "hours": one.hours.value,
            "regret": one.regret.value,
            "regret_half": one.regret.half,
            "epochs_to_near": None if math.isinf(one.epochs_to_near) else one.epochs_to_near,
            "false_stop_rate": None if one.false_stops is None else one.false_stops.value,
            "false_stop_half": None if one.false_stops is None else one.false_stops.half,
            "lost": one.lost,
        }
        for one in replays
    ]


def curve_rows(study: str, replays: Iterable[Replayed]) -> list[dict[str, Any]]:
    """Return the rows of `replay_curves` for one study."""
    return [
        {
            "study": study,
            "setting": one.setting,
            "share": share,
            "epochs_spent": share * one.trials * one.max_epochs,
            "hours": hours.value,
            "regret": regret.value,
            "regret_half": regret.half,
        }
        for one in replays
        for share, hours, regret in one.points
    ]
