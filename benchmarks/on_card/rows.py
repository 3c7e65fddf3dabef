"""What a stage says: rows of figures, one JSON line each, so that what was measured stays.

A row may carry a claim that held or did not. A last row per stage tells how the stage ended.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

State = Literal["finished", "cut off", "failed"]


Figures = Mapping[str, float | int | str | None]
"""By column; a number, a word, or None where it could not be measured."""


@dataclass(frozen=True)
class Row:
    """Figures of one thing that was measured.

    Attributes:
        table: Name of the table that shows it.
        figures: What was measured.
        claim: What must hold, in words; None where nothing is claimed.
        holds: Whether it did; None where it cannot be told here.
    """

    table: str
    figures: Figures
    claim: str | None = None
    holds: bool | None = None


@dataclass(frozen=True)
class Stamp:
    """When, where and on what a stage was measured.

    Attributes:
        run: Names one run of the command, by its start.
        stage: A name of STAGES.
        device: As its maker calls it.
        commit: Of the project, "+" behind it where files differ from it.
        torch: Its version.
        corpus: Its name, "synthetic" told apart.
        rehearsed: Whether the figures are of a rehearsal and mean nothing.
    """

    run: str
    stage: str
    device: str
    commit: str
    torch: str
    corpus: str
    rehearsed: bool


@dataclass(frozen=True)
class Ending:
    """How a stage ended.

    Attributes:
        state: "finished", "cut off" at its limit, or "failed".
        took_s: Wall seconds.
        reason: Why it failed.
    """

    state: State
    took_s: float
    reason: str | None = None


@dataclass
class StageRun:
    """One run of a stage, as read back."""

    stamp: Stamp
    rows: list[Row] = field(default_factory=list)
    ending: Ending | None = None


def append_line(path: Path, stamp: Stamp, entry: Row | Ending) -> None:
    """Append a row or an ending; the file ends in a whole line, whoever is killed when.

    A line that an earlier kill left torn is ended first, so that only that one is lost.
    """
    kind = "row" if isinstance(entry, Row) else "ending"
    line = json.dumps({"stamp": asdict(stamp), kind: _plain(asdict(entry))}, allow_nan=False)
    torn = path.is_file() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + line + "\n")


def read_runs(path: Path) -> list[StageRun]:
    """Return the runs of stages in the order of the file; torn lines are left out."""
    runs: dict[Stamp, StageRun] = {}
    for entry in _entries(path):
        stamp = Stamp(**entry["stamp"])
        run = runs.setdefault(stamp, StageRun(stamp))
        if "row" in entry:
            run.rows.append(Row(**entry["row"]))
        else:
            run.ending = Ending(**entry["ending"])
    return list(runs.values())


def latest(runs: list[StageRun]) -> list[StageRun]:
    """Return the last run of every stage, and of rehearsals only where there is nothing else."""
    found: dict[str, StageRun] = {}
    for run in sorted(runs, key=lambda run: not run.stamp.rehearsed):
        found[run.stamp.stage] = run
    return list(found.values())


def _entries(path: Path) -> Iterator[dict]:  # type: ignore[type-arg]
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:  # cut off in the middle of a write
            continue
        yield entry


def _plain(entry: dict) -> dict:  # type: ignore[type-arg]
    """Return an entry without NaN, which JSON does not have."""
    if "figures" in entry:
        entry["figures"] = {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in entry["figures"].items()
        }
    return entry
