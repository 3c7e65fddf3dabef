"""Whether the driver stays small over many trials, and what writing tables costs.

`python -m benchmarks.driver_memory` runs a real search of `--trials` trials of one short epoch
each and prints by how much the driver's resident memory grew from the end of a tenth of the trials
to the end of the last one. The first tenth is start-up: libraries load, pools fill. Then it times
writing the tables of that study, which is what an epoch waits for when a flush is due.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks.search_overhead import equal_trials
from tune.config.machine import Machine, detect_machine
from tune.engine.session import ray_on_demand
from tune.results.resume import Start
from tune.storage.history import Budget
from tune.study.opening import open_study
from tune.study.plan import StudyPlan
from tune.study.run import run_study
from tune.tables.files import read_table, write_table
from tune.terminal.progress import StudyProgress

EPOCH_S = 10.0
"""The epoch that table writing is compared with."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print memory growth and the cost of tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driver_memory")
    parser.add_argument("--trials", type=int, default=1000)
    arguments = parser.parse_args(argv)
    machine = detect_machine("cpu")
    with tempfile.TemporaryDirectory() as results:
        plan = equal_trials(machine, arguments.trials, 1, results)
        config = replace(plan.config, crop_px=32, data_fraction=0.01, warmup_epochs=0, val_images=8)
        plan = replace(plan, config=config, crop_px=32, val_images=8)
        growth_mib, seconds = measure_growth(plan, machine, arguments.trials // 10)
        flush_s = time_tables(results)
    print("| trials | s | driver growth MiB | tables s | of a 10 s epoch |")
    print("|---|---|---|---|---|")
    print(
        f"| {arguments.trials} | {seconds:.0f} | {growth_mib:.1f} | {flush_s:.4f} | "
        f"{100 * flush_s / EPOCH_S:.2f} % |"
    )
    return 0


def measure_growth(plan: StudyPlan, machine: Machine, warm_trials: int) -> tuple[float, float]:
    """Run the search; return the driver's growth in MiB after `warm_trials`, and the seconds.

    Measured while trials run: what is computed after the last one loads libraries of its own.
    """
    process = psutil.Process()
    start = Start(None, Budget(plan.config.trials, None))
    resident_mib: dict[int, float] = {}
    ended = threading.Event()

    def watch(path: Path) -> None:
        for num_trials in (warm_trials, plan.config.trials):
            while not ended.wait(0.2):
                # "end" is the note of a trial's end.
                if path.read_bytes().count(b'"user_attr":{"end"') >= num_trials:
                    break
            resident_mib[num_trials] = process.memory_info().rss / 2**20

    start_s = time.monotonic()
    with (
        open_study(plan, start, machine, ["benchmark"]) as study,
        ray_on_demand() as session,
    ):
        watcher = threading.Thread(target=watch, args=(study.folder.journal,))
        watcher.start()
        progress = StudyProgress(Console(), plan.config.trials, plan.config.epochs, quiet=True)
        try:
            run_study(plan, study, progress, session)
        finally:
            ended.set()
    watcher.join()
    return resident_mib[plan.config.trials] - resident_mib[warm_trials], time.monotonic() - start_s


def time_tables(results: str) -> float:
    """Return the seconds that writing all tables of the study takes, the median of five."""
    tables = {name: read_table(results, name) for name in ("trials", "epochs", "rungs")}
    rows = {
        name: table.astype(object).where(table.notna(), None).to_dict("records")
        for name, table in tables.items()
    }
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(5):
            start_s = time.monotonic()
            for name, records in rows.items():
                write_table(Path(folder), name, records)
            seconds.append(time.monotonic() - start_s)
    return sorted(seconds)[2]


if __name__ == "__main__":
    raise SystemExit(main())
