"""Train every configuration of a design to its last epoch and keep the curves.

    python -m benchmarks.truth.record --data CORPUS --arch baseline --ratio 16 --out DRAFTS

adds a line to DRAFTS/baseline_16x.jsonl for every training as it ends; a second run goes on where
the first one was ended. `--finish` writes the Parquet files beside this module. Trainings
are those of `tune.search` on this machine's CPU: one thread each, as many at once as there are
cores.
"""

import argparse
import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.truth.design import space_filling
from models.training.config import SCORE_WEIGHTS
from models.training.epoch_result import EpochResult, NonFiniteError
from models.training.precision import Stack, prepare_process
from models.training.schedules import SCHEDULES
from tune.config.machine import Machine, available_cores
from tune.config.resolve import resolve
from tune.config.search import SearchConfig
from tune.simulation.truth_file import write_truth
from tune.space.dimension import Value, format_range
from tune.space.points import Suggestion
from tune.study.plan import StudyPlan, plan_study
from tune.trial.run import run_trial
from tune.trial.session import open_data

STACK = Stack("bf16", channels_last=True, reason="what --precision auto took on the machine used")

RANGES = {("baseline", 4): ("latent_channels=128,160,192,256",)}
"""What was searched in a cell when its truth was recorded, where it is something else today."""

NUM_REPEATED = 16
"""Configurations, the first ones of the design, that are trained with further seeds."""


@dataclass(frozen=True)
class Job:
    """One training: a configuration of a cell with a seed.

    Attributes:
        cell: Architecture, ratio and training of the cell, as settings of a search.
        configuration: Its index in the design.
        seed: Seed of its training; the data are the same for all.
        score_weights: Which weights are scored, averaged or live ones.
    """

    cell: dict[str, Any]
    configuration: int
    seed: int
    score_weights: str


def main(argv: Sequence[str] | None = None) -> int:
    """Record one cell, or write the Parquet files of those recorded."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth.record", description=__doc__)
    parser.add_argument("--data", required=True, help="folder of the prepared corpus")
    parser.add_argument("--arch", default="baseline")
    parser.add_argument("--ratio", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--schedule", choices=SCHEDULES, default=SearchConfig.schedule)
    parser.add_argument("--score-weights", choices=SCORE_WEIGHTS, default="ema")
    parser.add_argument("--data-fraction", type=float, default=0.01)
    parser.add_argument("--configurations", type=int, default=65)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--out", type=Path, required=True, help="folder of the lines")
    parser.add_argument("--finish", action="store_true", help="write the Parquet files of --out")
    asked = parser.parse_args(argv)
    if asked.finish:
        for draft in sorted(asked.out.glob("*.jsonl")):
            print(finish_cell(draft, asked.data, Path(__file__).parent))
        return 0
    cell = {
        "arch": asked.arch,
        "ratio": asked.ratio,
        "data": asked.data,
        "epochs": asked.epochs,
        "data_fraction": asked.data_fraction,
        "schedule": asked.schedule,
    }
    seeds = range(asked.seeds)
    jobs = [
        Job(cell, number, seed, asked.score_weights)
        for number in range(asked.configurations)
        for seed in (seeds if number < NUM_REPEATED else seeds[:1])
    ]
    record_cell(jobs, asked.workers, asked.out / draft_name(cell, asked.score_weights))
    return 0


def draft_name(cell: dict[str, Any], score_weights: str) -> str:
    """Return the name of a cell's file of lines; what is usual is not said."""
    unusual = [cell["schedule"]] if cell["schedule"] != SearchConfig.schedule else []
    unusual += [score_weights] if score_weights != "ema" else []
    return "_".join([f"{cell['arch']}_{cell['ratio']}x", str(cell["epochs"]), *unusual]) + ".jsonl"


def record_cell(jobs: Sequence[Job], workers: int, path: Path) -> None:
    """Train what is not yet in the cell's file of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {(line["configuration"], line["seed"]) for line in _lines(path)}
    jobs = [job for job in jobs if (job.configuration, job.seed) not in done]
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=prepare_process, initargs=(1,)) as pool:
        for number, line in enumerate(pool.imap_unordered(record, jobs), start=1):
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(f"{path.stem}  {number} of {len(jobs)}", flush=True)


def record(job: Job) -> dict[str, Any]:
    """Train one configuration to its last epoch and return what its line holds."""
    plan = plan_of(job.cell)
    values = configuration(plan, job.configuration)
    spec = plan.trial_spec(Suggestion(job.configuration, "design", values), STACK)
    train = replace(spec.train, seed=job.seed, score_weights=job.score_weights)
    spec = replace(spec, train=train)
    epochs: list[dict[str, Any]] = []
    outcome = "completed"
    try:
        epochs.extend(map(_epoch, run_trial(spec, print)))
    except NonFiniteError:
        outcome = "diverged"
    cell = {**job.cell, "data": plan.corpus.info.name, "fingerprint": plan.corpus.info.fingerprint}
    return {
        **cell,
        "configuration": job.configuration,
        "seed": job.seed,
        "values": values,
        "outcome": outcome,
        "score_weights": job.score_weights,
        "curve": epochs,
    }


def _epoch(result: EpochResult) -> dict[str, Any]:
    return {
        "val_psnr_db": result.val_psnr_db,
        "val_ssim": result.val_ssim,
        "rate_bpp": result.rate_bpp,
        "train_loss": result.train_loss,
        "train_s": result.train_s,
        "val_s": result.val_s,
    }


def finish_cell(draft: Path, data: str, folder: Path) -> Path:
    """Write the Parquet file of a recorded cell and return it."""
    lines = sorted(_lines(draft), key=lambda line: (line["configuration"], line["seed"]))
    rows = [row for line in lines for row in _rows(line)]
    cell = {name: lines[0][name] for name in ("arch", "ratio", "epochs", "data_fraction")}
    cell["schedule"] = lines[0].get("schedule", SearchConfig.schedule)
    plan = plan_of({**cell, "data": data})
    facts = {
        **cell,
        "label": draft.stem.replace("_", " ").replace(f" {cell['epochs']}", "", 1),
        "max_epochs": cell["epochs"],
        "ranges": [format_range(dimension) for dimension in plan.space.dimensions],
        "hand_set": dict(plan.known[0].values),
        "corpus": lines[0]["data"],
        "corpus_fingerprint": lines[0]["fingerprint"],
        "rate": plan.config.rate,
        "objective_of_loss": "mse",
        "score_weights": lines[0].get("score_weights", "ema"),
        "precision": STACK.name,
        "crop_px": plan.crop_px,
        "val_images": plan.val_images,
        "batch_size": plan.config.batch_size,
    }
    path = folder / f"{draft.stem}.parquet"
    write_truth(path, rows, facts)
    return path


def _rows(line: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of one training; one without scores if it diverged in its first epoch."""
    same = {
        "configuration": str(line["configuration"]),
        "seed": line["seed"],
        "is_diverged": line["outcome"] == "diverged",
        **line["values"],
    }
    nothing = dict.fromkeys(("val_psnr_db", "val_ssim", "rate_bpp", "train_s", "val_s"))
    return [
        {
            **same,
            "epoch": number,
            "val_psnr_db": _rounded(epoch["val_psnr_db"], 4),
            "val_ssim": _rounded(epoch["val_ssim"], 5),
            "rate_bpp": _rounded(epoch["rate_bpp"], 5),
            "epoch_s": None if epoch is nothing else round(epoch["train_s"] + epoch["val_s"], 3),
        }
        for number, epoch in enumerate(line["curve"] or [nothing], start=1)
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def plan_of(cell: dict[str, Any]) -> StudyPlan:
    """Return the plan that a search of a cell would have on a CPU."""
    settings = {**cell, "results": "unused", "precision": STACK.precision}
    settings["range"] = RANGES.get((cell["arch"], cell["ratio"]), ())
    (resolved,) = resolve(settings, {}, Machine("cpu", available_cores()))
    return plan_study(resolved, open_data(cell["data"], print))


def configuration(plan: StudyPlan, number: int) -> dict[str, Value]:
    """Return the configuration of an index in a plan's design."""
    return space_filling(plan.space.dimensions, plan.known[0].values, number + 1)[number]


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    raise SystemExit(main())
