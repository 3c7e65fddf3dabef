"""Stage 7: the search as people start it, at the card's own profile, for the time that is left."""

import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pandas as pd

from benchmarks.on_card.context import Context
from benchmarks.on_card.rows import Row
from benchmarks.on_card.searches import Search, most_reserved, outcomes, run_search
from tune.card.device import SMI, first_visible

CLAIM = "a trial takes at most 1.05 times what its training and validation take"
MAX_OVERHEAD = 1.05
SAMPLE_S = 0.5
START_S = 25.0
"""Of a search, before its first trial: Ray, the calibration, the probe of the stacks."""

TINY = [
    "--trials", "2", "--epochs", "2", "--warmup-epochs", "0", "--crop-px", "32", "--batch-size",
    "8", "--base-channels", "4", "--tune", "learning_rate", "--data-fraction", "0.02",
    "--precision", "fp32", "--val-images", "16",
]  # fmt: skip


@dataclass
class Busy:
    """How busy the card was, sampled.

    Attributes:
        percents: The driver's utilisation, in the order of time.
        at_s: `time.time()` of each.
    """

    percents: list[float] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)

    def between(self, begun_s: float, ended_s: float) -> list[float]:
        """Return the samples of a span."""
        pairs = zip(self.at_s, self.percents, strict=True)
        return [percent for at_s, percent in pairs if begun_s <= at_s <= ended_s]


def measure(context: Context) -> Iterator[Row]:
    """Yield what the search did, and how busy it kept the card."""
    flags = ["--arch", "attention", "--ratio", "16"]
    if context.is_rehearsal:
        flags += TINY
    else:
        hours = max(10.0, context.remaining_s - START_S) / 3600
        flags += ["--hours", f"{hours:.5f}"]
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as results,
        sampled(context.device) as busy,
    ):
        search = run_search(context, Path(results), "profile", flags)
        yield row_of(search, busy)


def row_of(search: Search, busy: Busy) -> Row:
    """Return outcomes, speed, idle share of the card and overhead of a search."""
    trials = search.trials
    begun, ended = trials["started_at"].min(), trials["ended_at"].max()
    samples = busy.between(begun.timestamp(), ended.timestamp())
    overhead = driver_overhead(trials, search.epochs)
    figures = {
        "trials": len(trials),
        "outcomes": outcomes(trials),
        "best dB": float(trials["best_val_psnr_db"].max()),
        "before the first trial s": search.wall_s - (ended - begun).total_seconds(),
        "most reserved": most_reserved(trials),
        "card busy, mean": f"{sum(samples) / len(samples):.0f} %" if samples else None,
        "card idle, share of samples": (
            f"{sum(s == 0 for s in samples) / len(samples):.0%}" if samples else None
        ),
        "steps per epoch": int((search.epochs["num_samples"] / trials["batch_size"].max()).max()),
        "s per epoch": float((search.epochs["train_s"] + search.epochs["val_s"]).median()),
        "trial over its epochs": overhead,
    }
    holds = overhead <= MAX_OVERHEAD if math.isfinite(overhead) else None
    return Row("The search", figures, CLAIM, holds)


def driver_overhead(trials: pd.DataFrame, epochs: pd.DataFrame) -> float:
    """Return the wall time of ended trials over that of their epochs, the median trial's.

    A bare loop takes what the epochs take. A worker's first trial pays for what a process sets up
    once; the median leaves it out.
    """
    busy_s = (epochs["train_s"] + epochs["val_s"]).groupby(epochs["trial"]).sum()
    finished = trials[trials["outcome"].isin(["completed", "stopped"])].set_index("trial")
    return float((finished["wall_s"] / busy_s.reindex(finished.index)).median())


@contextmanager
def sampled(device: str) -> Iterator[Busy]:
    """Sample how busy the card is, in a thread; nothing on a CPU."""
    busy, is_over = Busy(), Event()

    def sample() -> None:
        query = ["--query-gpu=utilization.gpu", f"--id={first_visible(os.environ)}"]
        command = [SMI, *query, "--format=csv,noheader,nounits"]
        while not is_over.wait(SAMPLE_S):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            percent = done.stdout.strip()
            if percent.isdigit():  # a driver may not tell
                busy.percents.append(float(percent))
                busy.at_s.append(time.time())

    thread = Thread(target=sample, daemon=True)
    if device == "cuda":
        thread.start()
    try:
        yield busy
    finally:
        is_over.set()
        if thread.is_alive():
            thread.join()
