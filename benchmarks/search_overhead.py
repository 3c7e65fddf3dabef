"""What Ray, journal and tables cost: a search of equal trials against a plain process pool.

`python -m benchmarks.search_overhead` trains the same configuration `--trials` times, once through
the whole search and once with nothing but `open_session` and `train_epochs` in a pool of as many
single-threaded processes, and prints the ratio of the wall times. Start-up of both is included. The
two take turns, search, pool, pool, search, because a shared machine's speed drifts within minutes.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Sequence

from rich.console import Console

from data.synthetic import ensure_synthetic_corpus
from models.training.loop import train_epochs
from models.training.precision import prepare_process
from tune.config.machine import Machine, detect_machine
from tune.config.resolve import resolve
from tune.engine.environment import OWN
from tune.engine.session import ray_on_demand
from tune.results.resume import Start
from tune.space.points import Suggestion
from tune.storage.history import Budget
from tune.study.opening import choose_study_stack, open_study
from tune.study.plan import StudyPlan, plan_study
from tune.study.run import run_study
from tune.tables.files import read_table
from tune.terminal.progress import StudyProgress
from tune.trial.session import open_corpus, open_session
from tune.trial.spec import TrialSpec


def main(argv: Sequence[str] | None = None) -> int:
    """Print the ratio of the two wall times."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_overhead")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=7, help="7 take about 30 s on one core")
    parser.add_argument("--rounds", type=int, default=1, help="of search, pool, pool, search")
    arguments = parser.parse_args(argv)
    machine = detect_machine("cpu")
    print("| equal trials | s each | plain pool s | search s | search / pool |")
    print("|---|---|---|---|---|")
    rounds = [
        time_round(machine, arguments.trials, arguments.epochs) for _ in range(arguments.rounds)
    ]
    if len(rounds) > 1:
        show("all", *(statistics.fmean(column) for column in zip(*rounds, strict=True)))
    return 0


def time_round(machine: Machine, num_trials: int, epochs: int) -> tuple[float, float, float]:
    """Print and return a trial's seconds in the search, those of the pool and of the search."""
    pool_s, search_s, trial_s = [], [], []
    for is_search in (True, False, False, True):
        with tempfile.TemporaryDirectory() as results:
            plan = equal_trials(machine, num_trials, epochs, results)
            if not is_search:
                pool_s.append(time_pool(plan))
                continue
            search_s.append(time_search(plan, machine))
            trials = read_table(results, "trials")
            assert (trials["outcome"] == "completed").all()
            trial_s.append(trials["wall_s"].median())
    found = statistics.fmean(trial_s), statistics.fmean(pool_s), statistics.fmean(search_s)
    show(str(num_trials), *found)
    return found


def show(trials: str, trial_s: float, pool_s: float, search_s: float) -> None:
    """Print a row."""
    print(
        f"| {trials} | {trial_s:.1f} | {pool_s:.1f} | {search_s:.1f} | {search_s / pool_s:.3f} |",
        flush=True,
    )


def equal_trials(machine: Machine, trials: int, epochs: int, results: str) -> StudyPlan:
    """Return a plan whose trials cost the same: one width, no rungs."""
    flags = {
        "arch": "baseline",
        "trials": trials,
        "epochs": epochs,
        "crop_px": 64,
        "data_fraction": 0.5,
        "tune": ("learning_rate",),
        "base_channels": 16,
        "scheduler": "none",
        "searcher": "random",
        "precision": "fp32",
        "results": results,
    }
    (resolved,) = resolve(flags, {}, machine)
    return plan_study(resolved, open_corpus(str(ensure_synthetic_corpus().resolve())))


def time_search(plan: StudyPlan, machine: Machine) -> float:
    """Return the wall seconds of the search."""
    start_s = time.monotonic()
    start = Start(None, Budget(plan.config.trials, None))
    with (
        open_study(plan, start, machine, ["benchmark"]) as study,
        ray_on_demand() as session,
    ):
        progress = StudyProgress(Console(), plan.config.trials, plan.config.epochs, quiet=True)
        run_study(plan, study, progress, session)
    return time.monotonic() - start_s


def time_pool(plan: StudyPlan) -> float:
    """Return the wall seconds of the same trainings in a process pool."""
    start_s = time.monotonic()
    os.environ.update(OWN)
    stack = choose_study_stack(plan)
    specs = [
        plan.trial_spec(Suggestion(number, "benchmark", {}), stack)
        for number in range(plan.config.trials)
    ]
    context = multiprocessing.get_context("spawn")
    with context.Pool(plan.packing.max_concurrent, prepare_process, (1,)) as pool:
        pool.map(train, specs, chunksize=1)
    return time.monotonic() - start_s


def train(spec: TrialSpec) -> None:
    """Train one trial to its end."""
    for _ in train_epochs(open_session(spec)):
        pass


if __name__ == "__main__":
    raise SystemExit(main())
