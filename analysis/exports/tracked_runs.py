"""Trials and promoted runs as an experiment tracker sees them: settings, epochs, how it ended.

Pure values, the same for every tracker. What a table lacks is left out, never filled in.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from analysis.frames import Frames
from analysis.study_view import CRASHES, RUNNING
from tune.tables.schemas import SCHEMAS

Setting = str | int | float | bool

_TRIAL = SCHEMAS["trials"].names
SETTINGS = _TRIAL[_TRIAL.index("arch") : _TRIAL.index("predicted_peak_mib")]
"""Columns that say what a trial was and how it was trained, as docs/TABLES.md orders them."""

BEST = ("best_epoch", *(name for name in _TRIAL if name.startswith("best_val_")), "psnr_gap_db")
"""Columns of the best epoch; missing before there is one."""

COSTS = ("epochs_finished", "failures", "wall_s", "wait_s")

_EPOCH = SCHEMAS["epochs"].columns
MEASURES = tuple(
    column.name
    for column in _EPOCH
    if column.type in {"float64", "int64"} and column.name != "rate_target_bpp"
)
"""Columns of an epoch that are measured."""


@dataclass(frozen=True)
class TrackedEpoch:
    """One finished epoch: its number, when it was reported, what was measured by its end."""

    epoch: int
    recorded_at: datetime
    measures: Mapping[str, float]


@dataclass(frozen=True)
class TrackedRun:
    """One trial of a search, or one run of a promotion.

    Attributes:
        study: Name of its study.
        name: Its own name, unique in the study.
        settings: Its configuration, and what it was trained on.
        origin: Where a promoted run comes from: candidate, rank and trial; empty for a trial.
        outcome: How it ended; "running" while it runs.
        reason: Why it ended so; empty where nothing is said.
        started_at: When a worker took it.
        ended_at: When it ended; None while it runs.
        epochs: Its finished epochs, in order.
        best: What it reached at its best epoch; empty before there is one.
        costs: What it took.
    """

    study: str
    name: str
    settings: Mapping[str, Setting]
    origin: Mapping[str, Setting]
    outcome: str
    reason: str
    started_at: datetime
    ended_at: datetime | None
    epochs: tuple[TrackedEpoch, ...]
    best: Mapping[str, float]
    costs: Mapping[str, float]

    @property
    def has_failed(self) -> bool:
        """Whether it crashed or could not be started."""
        return self.outcome == "rejected" or self.outcome in CRASHES

    @property
    def digest(self) -> str:
        """16 hex digits that change when anything of it changes."""
        text = json.dumps(asdict(self), sort_keys=True, default=datetime.isoformat)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def tracked_runs(frames: Frames) -> tuple[TrackedRun, ...]:
    """Return all trials and promoted runs, by study and in the order they were begun."""
    epochs = {
        (str(study), str(trial)): rows
        for (study, trial), rows in frames.epochs.groupby(["study", "trial"], sort=False)
    }
    trials = frames.trials.sort_values(["study", "trial_number"], kind="stable")
    runs = frames.runs.rename(columns={"run": "trial"})
    runs = runs.sort_values(["study", "run_number"], kind="stable")
    return tuple(
        _tracked(row, epochs.get((row["study"], row["trial"])))
        for table in (trials, runs)
        for row in table.to_dict("records")
    )


def _tracked(row: Mapping[Any, Any], epochs: pd.DataFrame | None) -> TrackedRun:
    told = _known(row, ("outcome", "reason"))
    return TrackedRun(
        study=row["study"],
        name=row["trial"],
        settings=_known(row, SETTINGS),
        origin=_known(row, ("candidate", "rank", "source_trial")),
        outcome=str(told.get("outcome", RUNNING)),
        reason=str(told.get("reason", "")),
        started_at=row["started_at"].to_pydatetime(),
        ended_at=None if pd.isna(row["ended_at"]) else row["ended_at"].to_pydatetime(),
        epochs=() if epochs is None else tuple(_epochs(epochs)),
        best=_numbers(row, BEST),
        costs=_numbers(row, COSTS),
    )


def _epochs(rows: pd.DataFrame) -> Iterator[TrackedEpoch]:
    for row in rows.sort_values("epoch", kind="stable").to_dict("records"):
        recorded_at = row["recorded_at"].to_pydatetime()
        yield TrackedEpoch(int(row["epoch"]), recorded_at, _numbers(row, MEASURES))


def _known(row: Mapping[Any, Any], names: tuple[str, ...]) -> dict[str, Setting]:
    """Return the values of a row that are not missing, as Python's own types."""
    found = {name: row[name] for name in names if name in row and not pd.isna(row[name])}
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in found.items()
    }


def _numbers(row: Mapping[Any, Any], names: tuple[str, ...]) -> dict[str, float]:
    """Return the values of a row that are finite numbers."""
    known = _known(row, names)
    return {name: float(value) for name, value in known.items() if np.isfinite(float(value))}
