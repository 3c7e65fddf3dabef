"""What never losing anything costs: journal and tables per epoch, and the time to resume.

`python -m benchmarks.journal` fills a study with `--trials` trials of 20 epochs, their scores made
up, and times what the search does for every epoch, and writing all tables once. Then it resumes
the study for one more trial, by the real command, and times how long that takes until a worker
trains the trial, and until the command has ended after a SIGTERM, beside the same command on a new
study.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from data.synthetic import ensure_synthetic_corpus
from models.training.epoch_result import EpochResult
from tune.config.machine import detect_machine
from tune.config.resolve import resolve
from tune.outcomes import Outcome
from tune.results.resume import Start
from tune.storage.history import Budget
from tune.study.opening import open_study
from tune.study.plan import plan_study
from tune.study.run import make_conductor
from tune.terminal.progress import StudyProgress
from tune.trial.session import open_corpus

EPOCHS = 20
EPOCH_S = 10.0
"""The epoch that writing is compared with."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the cost per epoch and the time to resume."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.journal")
    parser.add_argument("--trials", type=int, default=200)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as results:
        epoch_s, flush_s = fill(results, arguments.trials)
        going_on = time_start_and_end(results, arguments.trials, "full", "--more-trials", "1")
        new = time_start_and_end(results, arguments.trials, "new")
    median_s = statistics.median(epoch_s)
    share = 100 * (median_s + flush_s) / EPOCH_S
    print("| trials | journal per epoch s | all tables s | both, of a 10 s epoch |")
    print("|---|---|---|---|")
    print(f"| {arguments.trials} | {median_s:.4f} | {flush_s:.4f} | {share:.2f} % |")
    print()
    print("| study | s to the first training | s from SIGTERM to the end |")
    print("|---|---|---|")
    print(f"| of {arguments.trials} trials, going on | {going_on[0]:.1f} | {going_on[1]:.1f} |")
    print(f"| new | {new[0]:.1f} | {new[1]:.1f} |")
    return 0


def flags(results: str, trials: int, name: str) -> dict[str, object]:
    return {
        "arch": "baseline",
        "data": str(ensure_synthetic_corpus().resolve()),
        "results": results,
        "name": name,
        "trials": trials,
        "epochs": EPOCHS,
        "crop_px": 32,
        "data_fraction": 0.02,
        "base_channels": 8,
        "tune": "learning_rate",
        "precision": "fp32",
        "scheduler": "none",
        "max_concurrent": 1,
    }


def fill(results: str, trials: int) -> tuple[list[float], float]:
    """Fill a study with made-up scores.

    Returns:
        The seconds that hearing of an epoch took, of the second half, and the seconds that writing
        all tables takes at the end.
    """
    machine = detect_machine("cpu")
    (resolved,) = resolve(flags(results, trials, "full"), {}, machine)
    plan = plan_study(resolved, open_corpus(str(resolved.config.data)))
    progress = StudyProgress(Console(), trials, EPOCHS, quiet=True)
    rng = np.random.default_rng(0)
    seconds = []
    with open_study(plan, Start(None, Budget(trials, None)), machine, ["benchmark"]) as study:
        conductor = make_conductor(plan, study, progress)
        for number in range(trials):
            conductor.next_trial()
            for epoch in range(1, EPOCHS + 1):
                result = made_up(epoch, 15.0 + epoch / 4 + float(rng.normal()))
                start_s = time.perf_counter()
                conductor.report_epoch(number, result)
                if number >= trials // 2:
                    seconds.append(time.perf_counter() - start_s)
            conductor.end(number, Outcome.COMPLETED)
        start_s = time.perf_counter()
        conductor.close()
        return seconds, time.perf_counter() - start_s


def made_up(epoch: int, val_psnr_db: float) -> EpochResult:
    """An epoch that nobody trained."""
    numbers = dict.fromkeys(EpochResult.__annotations__, 0.125)
    known = {
        "epoch": epoch,
        "val_psnr_db": val_psnr_db,
        "num_samples": 100,
        "memory_method": "rss_growth",
        "is_last": epoch == EPOCHS,
    }
    return EpochResult(**(numbers | known))


def time_start_and_end(results: str, trials: int, name: str, *more: str) -> tuple[float, float]:
    """Run the real search until it trains, then end it.

    Returns:
        The seconds until its journal says that a worker trains, and from SIGTERM to its end.
    """
    given = flags(results, trials, name)
    command = [sys.executable, "-m", "tune.search", "--no-dashboard", "--quiet", *more]
    for flag, value in given.items():
        command += [f"--{flag.replace('_', '-')}", str(value)]
    journal = Path(results) / name / "journal"
    before = count_trainings(journal)
    start_s = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while count_trainings(journal) == before:
            if process.poll() not in {None, 0}:
                raise RuntimeError(f"the search ended with {process.returncode}")
            time.sleep(0.05)
        training_s = time.monotonic()
        process.terminate()
        process.wait()
    return training_s - start_s, time.monotonic() - training_s


def count_trainings(journal: Path) -> int:
    """Return how often a worker took up a trial."""
    return journal.read_bytes().count(b'"user_attr":{"start"') if journal.exists() else 0


if __name__ == "__main__":
    raise SystemExit(main())
