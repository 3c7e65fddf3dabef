"""What searches with faults have in common: faults of the real world, provoked for real.

Few searches have many faults. Killing the driver is `tests/chaos`.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from tests.chaos.harness import Done, Running, start
from tests.sabotage import sabotaged
from tune.tables.files import read_table

QUICK = [
    "--no-dashboard", "--arch", "baseline", "--ratio", "16", "--crop-px", "32", "--batch-size", "8",
    "--precision", "fp32", "--data-fraction", "1", "--searcher", "random", "--scheduler", "none",
    "--max-concurrent", "2", "--name", "study",
]  # fmt: skip

LIMIT_S = 220.0


def begin(
    cwd: Path,
    temporary: Path,
    corpus: Path,
    *arguments: str,
    faults: str,
    around: Sequence[str] = (),
) -> Running:
    """Start a search in which something goes wrong."""
    environment = sabotaged(cwd, faults) | {"TMPDIR": str(temporary)}
    words = ["tune.search", *QUICK, "--data", str(corpus), *arguments]
    return start(words, cwd, environment, around=around)


def finish(running: Running) -> Done:
    """Wait for the end of a search; nothing of it may be left running."""
    running.wait(LIMIT_S)
    done = running.done()
    assert running.survivors() == ()
    return done


def table(cwd: Path, name: str) -> pd.DataFrame:
    return read_table(cwd / "ray_results", name, "study")


def trained(cwd: Path) -> list[tuple[int, int]]:
    """Return (trial, epoch) in the order in which they began to be trained."""
    lines = (cwd / "trained").read_text().splitlines()
    return [(int(number), int(epoch)) for number, epoch in (line.split() for line in lines)]
