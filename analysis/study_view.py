"""One study of a search, cut out of the frames of all: what every diagnosis of it starts from.

Scores that are no finite number count as missing, a missing outcome as "running", so that what
follows has one case less.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.frames import Frames
from models.shapes import target_bpp
from models.training.objective import OBJECTIVES, Objective
from tune.space.dimension import Dimension, Kind, Value
from tune.statistics.objectives import objective_named

RUNNING = "running"
CRASHES = ("diverged", "out_of_memory", "failed")
"""Outcomes that crash rates count; a stopped trial is none."""

USUAL = ("learning_rate", "warmup_epochs", "base_channels")
"""What is searched where nobody asks for anything else."""

_SCORES = (
    *(one.best_column for one in OBJECTIVES.values()),
    "best_val_loss",
    "best_train_psnr_db",
    "psnr_gap_db",
    "last_val_psnr_db",
)


_CUT = (
    "trials",
    "epochs",
    "rungs",
    "references",
    "importance",
    "replays",
    "replay_curves",
)
"""Tables that a study's rows are cut out of."""


@dataclass(frozen=True)
class StudyView:
    """The rows of one study.

    Attributes:
        name: Its name.
        trials: Its trials in order of suggestion; `outcome` is never missing, scores are finite or
            missing, `is_crash` and `label` ("t007") are added.
        epochs: Its epochs with a finite score by the objective, by trial and epoch.
        rungs: Its decisions.
        references: Its reference lines at its ratio.
        importance: What mattered in it.
        replays: What other settings would have made of it; empty where nobody replayed it.
        replay_curves: The regret of each of them over the epochs spent.
        space: What it searches, in order; empty where its table cannot be read.
        config: Its resolved configuration; empty where that cannot be read.
    """

    name: str
    trials: pd.DataFrame
    epochs: pd.DataFrame
    rungs: pd.DataFrame
    references: pd.DataFrame
    importance: pd.DataFrame
    replays: pd.DataFrame
    replay_curves: pd.DataFrame
    space: tuple[Dimension, ...]
    config: Mapping[str, Any]

    @property
    def scored(self) -> pd.DataFrame:
        """The trials with a score, best first; of equal ones the earlier."""
        score = self.objective.best_column
        scored = self.trials[self.trials[score].notna()]
        return scored.sort_values(score, ascending=False, kind="stable")

    @property
    def objective(self) -> Objective:
        """What it maximises; one that this release does not know is a UsageError."""
        return objective_named(str(self._fact("objective", "psnr")))

    @property
    def arch(self) -> str:
        """The architecture; empty where nothing says so."""
        return str(self._fact("arch", ""))

    @property
    def ratio(self) -> int:
        """The ratio; 0 where nothing says so."""
        return int(self._fact("ratio", 0))

    @property
    def rate(self) -> str:
        """What the ratio counts: bytes or elements."""
        return str(self._fact("rate", "elements"))

    @property
    def target_bpp(self) -> float | None:
        """Rate that trials are scored at; None where the ratio counts elements."""
        return target_bpp(self.ratio) if self.rate == "bytes" and self.ratio else None

    @property
    def at_rate(self) -> str:
        """Where scores are, to be put behind them: "" where nothing is quantised.

        A view of 16x of bytes says " at 0.5 bit/px".
        """
        return "" if self.target_bpp is None else f" at {self.target_bpp:.3g} bit/px"

    @property
    def ratio_words(self) -> str:
        """The ratio and what it counts, such as "16x of bytes"."""
        return f"{self.ratio}x of {self.rate}"

    @property
    def title(self) -> str:
        """Architecture, ratio and corpus, in a few words."""
        if self.trials.empty:
            return f"{self.arch} {self.ratio_words}" if self.arch else self.name
        first, objective = self.trials.iloc[0], self.objective
        synthetic = " (SYNTHETIC)" if first["is_synthetic"] else ""
        after = "" if objective.name == "psnr" else f", objective {objective.words}"
        return f"{self.arch} {self.ratio_words} on {first['corpus']}{synthetic}{after}"

    @property
    def num_planned(self) -> int:
        """Trials that it is to have; extensions are known once they have begun."""
        return max(int(self.config.get("trials", 0)), len(self.trials))

    @property
    def is_finished(self) -> bool:
        """Whether every planned trial has ended for good."""
        is_open = self.trials["outcome"].isin([RUNNING, "interrupted"])
        return not is_open.any() and 0 < self.num_planned == len(self.trials)

    def _fact(self, name: str, default: Any) -> Any:
        if not self.trials.empty:
            return self.trials[name].iloc[0]
        return self.config.get(name, default)


def view_studies(frames: Frames) -> tuple[StudyView, ...]:
    """Return every search in the frames, in the order of their names.

    A search that has begun and started no trial is among them, by its space. One whose trials
    cannot be read is not: the frames' notes say why, and nothing is known of it.
    """
    begun = {
        study
        for study in frames.dimensions["study"].unique()
        if not any(f"study {study}:" in note for note in frames.notes)
    }
    names = sorted({*frames.trials["study"], *begun})
    cut = {
        name: dict(_by_study(getattr(frames, name), set(names))) for name in (*_CUT, "dimensions")
    }
    empty = {name: getattr(frames, name).iloc[:0] for name in cut}
    return tuple(
        _view(name, {table: rows.get(name, empty[table]) for table, rows in cut.items()}, frames)
        for name in names
    )


def _view(name: str, rows: Mapping[str, pd.DataFrame], frames: Frames) -> StudyView:
    trials, references = _clean_trials(rows["trials"]), rows["references"]
    view = StudyView(
        name=name,
        trials=trials,
        epochs=rows["epochs"],
        rungs=rows["rungs"],
        references=references[references["ratio"].isin(trials["ratio"])],
        importance=rows["importance"],
        replays=rows["replays"],
        replay_curves=rows["replay_curves"],
        space=_space(rows["dimensions"]),
        config=frames.configs.get(name, {}),
    )
    return replace(view, epochs=_clean_epochs(rows["epochs"], view.objective.column))


def words_of(row: Mapping[Any, Any], space: tuple[Dimension, ...]) -> str:
    """Return the searched values of a trial in a few words; the usual three of an unknown space.

    >>> words_of({"learning_rate": 0.00123}, (Dimension("learning_rate", "float", 0.001, 0.1),))
    'learning rate 0.00123'
    """
    names = [dim.name for dim in space] or USUAL
    return ", ".join(f"{name.replace('_', ' ')} {format_value(row[name])}" for name in names)


def format_value(value: Value) -> str:
    """Return a value of a dimension with three significant digits."""
    if isinstance(value, float | np.floating):
        return f"{value:.3g}"
    return str(value)


def _by_study(frame: pd.DataFrame, names: set[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    for name, rows in frame.groupby("study", sort=False):
        if name in names:
            yield str(name), rows


def _clean_trials(trials: pd.DataFrame) -> pd.DataFrame:
    outcome = trials["outcome"].fillna(RUNNING)
    scores = trials[list(_SCORES)]
    number = trials["trial_number"].astype("int64")
    return (
        trials.assign(
            **scores.where(np.isfinite(scores)),
            outcome=outcome,
            is_crash=outcome.isin(CRASHES),
            label="t" + number.astype(str).str.zfill(3),
        )
        .sort_values("trial_number", kind="stable")
        .reset_index(drop=True)
    )


def _clean_epochs(epochs: pd.DataFrame, score: str) -> pd.DataFrame:
    finite: pd.DataFrame = epochs[np.isfinite(epochs[score].astype("float64"))]
    return finite.sort_values(["trial_number", "epoch"], kind="stable").reset_index(drop=True)


def _space(rows: pd.DataFrame) -> tuple[Dimension, ...]:
    return tuple(_dimension(row) for row in rows.to_dict("records"))


def _dimension(row: Mapping[Any, Any]) -> Dimension:
    kind: Kind = row["kind"]
    if kind == "categorical":
        choices = _choices(row["choices"].split(","), is_named=row["unit"] == "")
        return Dimension(row["dimension"], kind, choices=choices, unit=row["unit"])
    low, high = row["low"], row["high"]
    if kind == "int":
        low, high = int(low), int(high)
    return Dimension(row["dimension"], kind, low, high, bool(row["is_log"]), unit=row["unit"])


def _choices(texts: list[str], *, is_named: bool) -> tuple[Value, ...]:
    if is_named:
        return tuple(texts)
    try:
        return tuple(int(text) for text in texts)
    except ValueError:
        return tuple(float(text) for text in texts)


MAX_MARKS = 2000
"""Trials that a scatter shows; the best of them always."""


def thin_trials(view: StudyView, max_trials: int) -> pd.DataFrame:
    """Return at most so many trials: the best half, and every n-th of the others."""
    if len(view.trials) <= max_trials:
        return view.trials
    ranked = view.trials.sort_values(
        view.objective.best_column, ascending=False, na_position="last", kind="stable"
    )
    best, others = ranked.iloc[: max_trials // 2], ranked.iloc[max_trials // 2 :]
    places = np.linspace(0, len(others) - 1, max_trials - len(best)).round().astype(int)
    return pd.concat([best, others.iloc[np.unique(places)]]).sort_values("trial_number")
