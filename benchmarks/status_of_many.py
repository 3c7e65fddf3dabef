"""How long `python -m tune.status` takes on a thousand studies, a process of its own each time.

`python -m benchmarks.status_of_many [--studies 1000]` makes folders with the tables of finished
searches of 20 trials, and prints the median of five first runs, which open every table, and of five
later ones, for which a finished search is known; and the processor's time for one of each, which
other work on the machine lengthens less.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from models.registry import ARCHITECTURES
from models.shapes import RATIOS
from tune.config.machine import Machine
from tune.config.resolve import resolve
from tune.config.search import write_config
from tune.results.known_searches import FILE
from tune.storage.folder import create_study_folder
from tune.storage.history import Budget
from tune.storage.journal import StudyJournal
from tune.study.opening import note_budget
from tune.tables.files import write_table
from tune.tables.schemas import SCHEMAS

NUM_TRIALS = 20
NUM_RUNS = 5
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLES = {
    "string": "text",
    "bool": False,
    "int32": 3,
    "int64": 3,
    "float64": 1.0,
    "timestamp": BEGIN,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Make the studies, time the command and print the row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.status_of_many")
    parser.add_argument("--studies", type=int, default=1000)
    num_studies = parser.parse_args(argv).studies
    with tempfile.TemporaryDirectory() as results:
        make_studies(Path(results), num_studies)
        print("| studies | trials each | tune.status | median s | CPU s | required |")
        print("|---|---|---|---|---|---|")
        for run, is_first in (("the first time", True), ("later", False)):
            seconds = []
            before_s = cpu_s()
            for _ in range(NUM_RUNS):
                if is_first:
                    (Path(results) / FILE).unlink(missing_ok=True)
                seconds.append(time_status(results))
            spent_s = (cpu_s() - before_s) / NUM_RUNS
            required = "" if is_first else "below 1"
            print(
                f"| {num_studies} | {NUM_TRIALS} | {run} | {statistics.median(seconds):.2f} "
                f"| {spent_s:.2f} | {required} |",
                flush=True,
            )
    return 0


def cpu_s() -> float:
    """Return the processor's time of all runs so far."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def make_studies(results: Path, num_studies: int) -> None:
    """Write finished searches of all cells, on the same pixels."""
    generator = np.random.default_rng(0)
    cells = [(arch, ratio) for arch in ARCHITECTURES for ratio in RATIOS]
    sample = {column.name: SAMPLES[column.type] for column in SCHEMAS["trials"].columns}
    sample |= {"objective": "psnr"}
    for number in range(num_studies):
        arch, ratio = cells[number % len(cells)]
        flags = {"arch": arch, "ratio": ratio, "results": str(results), "trials": NUM_TRIALS}
        (resolved,) = resolve(flags, {}, Machine("cpu", 2))
        moment = BEGIN + timedelta(seconds=number)
        files = {"study.toml": write_config(resolved.config)}
        folder = create_study_folder(resolved.config, files, moment)
        note_budget(folder, Budget(NUM_TRIALS, None))
        StudyJournal.create(folder.journal, folder.name)  # every status looks for copies by it
        own = sample | {"study": folder.name, "arch": arch, "ratio": ratio, "outcome": "completed"}
        scores_db = generator.normal(18, 2, NUM_TRIALS)
        rows = [
            own | {"trial": f"{folder.name}_t{trial:03d}", "trial_number": trial}
            | {"best_val_psnr_db": float(score_db)}
            for trial, score_db in enumerate(scores_db)
        ]  # fmt: skip
        write_table(folder.tables, "trials", rows)


def time_status(results: str) -> float:
    """Return the seconds of one run, its interpreter included."""
    command = [sys.executable, "-m", "tune.status", "--results", results]
    start_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start_s


if __name__ == "__main__":
    raise SystemExit(main())
