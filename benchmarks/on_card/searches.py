"""Searches that stages run, through the command that people use."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.on_card.context import Context
from benchmarks.on_card.machine import REPOSITORY
from tune.tables.files import read_table

TRIAL_FAILED = 1
"""What a search ends with where a trial failed, or none has a score."""

FAREWELL_S = 4.0
"""Time for a search to end its workers and to write its tables."""

EQUAL_TRIALS = ("--tune", "learning_rate", "--searcher", "random", "--scheduler", "none")
"""Trials that cost the same and run to their end."""


@dataclass(frozen=True)
class Search:
    """A search that has ended.

    Attributes:
        results: Its results folder.
        name: Of the study.
        wall_s: Seconds, Ray's start included.
        said: What it printed.
    """

    results: Path
    name: str
    wall_s: float
    said: str = ""

    @property
    def trials(self) -> pd.DataFrame:
        """A row per trial."""
        return read_table(self.results, "trials", self.name)

    @property
    def epochs(self) -> pd.DataFrame:
        """A row per trial and epoch."""
        return read_table(self.results, "epochs", self.name)


def run_search(
    context: Context,
    results: Path,
    name: str,
    flags: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> Search:
    """Run `tune.search` to its end.

    Args:
        context: With device and corpus.
        results: Its results folder; searches that share one calibrate the card once.
        name: Of the study.
        flags: All others.
        environment: Variables beside ours.

    Raises:
        RuntimeError: If it could not run, with its last words. That a trial failed is no reason.
    """
    command = [
        sys.executable, "-m", "tune.search", "--device", context.device, "--data", context.data,
        "--results", str(results), "--name", name, "--no-dashboard", *flags,
    ]  # fmt: skip
    started_s = time.monotonic()
    variables = os.environ | with_project(dict(environment or {}))
    code, said = _run_politely(command, variables)
    print(said, flush=True)
    if code not in (0, TRIAL_FAILED):
        lines = said.strip().splitlines()
        raise RuntimeError(f"tune.search ended with {code}: {lines[-1] if lines else ''}")
    return Search(results, name, time.monotonic() - started_s, said)


def _run_politely(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command; when this process is ended meanwhile, the command may end on its own first."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said, _ = process.communicate()
        except BaseException:
            process.terminate()
            process.wait(FAREWELL_S)
            raise
    return process.returncode, said


def with_project(environment: dict[str, str]) -> dict[str, str]:
    """Return variables whose search path has what they name first, then the project, then ours."""
    paths = [environment.get("PYTHONPATH"), str(REPOSITORY), os.environ.get("PYTHONPATH")]
    return environment | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def most_reserved(trials: pd.DataFrame) -> float:
    """Return the largest sum of shares of the card that were reserved at a time.

    >>> times = pd.to_datetime(["2026-01-01 00:00", "2026-01-01 00:05", "2026-01-01 00:10"])
    >>> most_reserved(pd.DataFrame({"gpu_fraction": [0.5, 0.25], "started_at": times[:2],
    ...                             "ended_at": times[1:]}))
    0.5
    """
    ran = trials.dropna(subset=["started_at", "gpu_fraction"])
    latest = max(ran["started_at"].max(), ran["ended_at"].max()) + pd.Timedelta(seconds=1)
    ended = ran["ended_at"].fillna(latest)  # of a trial that was running when the search was ended
    changes = [
        *zip(ran["started_at"], ran["gpu_fraction"], strict=True),
        *zip(ended, -ran["gpu_fraction"], strict=True),
    ]
    reserved, most = 0.0, 0.0
    for _, change in sorted(changes):  # at the same moment, what is given back comes first
        reserved += change
        most = max(most, reserved)
    return most


def outcomes(trials: pd.DataFrame) -> str:
    """Return how many trials ended how."""
    return ", ".join(f"{n} {name}" for name, n in trials["outcome"].value_counts().items())
