"""Rows of the tables made of what the driver knows: records in, plain mappings out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from operator import itemgetter
from typing import Any

from models.footprint.weightless import build_weightless
from models.registry import ModelConfig, count_parameters
from models.training.epoch_result import EpochResult
from tune.trial.clock import Moment
from tune.trial.record import RungDecision, TrialRecord
from tune.trial.spec import StudyFacts

Row = Mapping[str, Any]
MakeRows = Callable[[Sequence[TrialRecord], StudyFacts], Mapping[str, list[Row]]]


def trial_rows(records: Sequence[TrialRecord], facts: StudyFacts) -> dict[str, list[Row]]:
    """Return the trials table of a search."""
    beside = run_beside(records)
    return {"trials": [trial_row(one, facts, beside[one.spec.number]) for one in records]}


def trial_row(record: TrialRecord, facts: StudyFacts, beside: Sequence[int] = ()) -> Row:
    """Return the row of a trial, running or ended.

    Args:
        record: What is known of it.
        facts: What is the same in every row.
        beside: Numbers of the trials that ran beside it, see `run_beside`.
    """
    spec, train = record.spec, record.spec.train
    return {
        **_identity(record),
        "arch": spec.model.arch,
        "ratio": spec.model.ratio,
        "rate_target_bpp": spec.rate_target_bpp,
        "objective": train.objective,
        "linear_path": spec.model.linear_path,
        **asdict(facts),
        "data_fraction": spec.data.data_fraction,
        "crop_px": spec.data.crop_px,
        "seed": train.seed,
        "proposed_by": spec.proposed_by,
        **spec.values,
        "ssim_weight": train.ssim_weight,
        "micro_batch": train.micro_batch,
        "max_epochs": train.epochs,
        "precision": train.precision,
        "channels_last": train.channels_last,
        "num_parameters": num_parameters(spec.model),
        "device": spec.device,
        "host": spec.placement.host,
        "card": spec.placement.card,
        "predicted_peak_mib": spec.placement.predicted_peak_mib,
        "gpu_fraction": spec.placement.gpu_fraction,
        "concurrent_with": ",".join(map(str, beside)),
        "outcome": None if record.outcome is None else record.outcome.value,
        "reason": record.reason,
        "failures": len(record.failures),
        "started_at": (record.started or record.begun).at,
        "ended_at": None if record.ended is None else record.ended.at,
        **_scores(record),
        **_costs(record),
    }


def epoch_row(record: TrialRecord, result: EpochResult, reported: Moment) -> Row:
    """Return the row of a finished epoch."""
    values = asdict(result)
    del values["is_last"]
    return {**_identity(record), **values, "recorded_at": reported.at}


def rung_row(record: TrialRecord, decision: RungDecision) -> Row:
    """Return the row of a rung's decision about a trial."""
    return {
        **_identity(record),
        **asdict(decision),
        "objective": record.spec.train.objective,
    }


@lru_cache(maxsize=256)
def num_parameters(model: ModelConfig) -> int:
    """Return the trainable parameters of a model, counted without allocating it."""
    return count_parameters(build_weightless(model))


def _identity(record: TrialRecord) -> Row:
    spec = record.spec
    return {"study": spec.study, "trial": spec.name, "trial_number": spec.number}


def _scores(record: TrialRecord) -> Row:
    best = record.best
    last = record.epochs[-1] if record.epochs else None
    return {
        "epochs_finished": len(record.epochs),
        "best_epoch": best and best.epoch,
        "best_val_psnr_db": best and best.val_psnr_db,
        "best_val_ssim": best and best.val_ssim,
        "best_val_ms_ssim": best and best.val_ms_ssim,
        "best_val_mse": best and best.val_mse,
        "best_val_loss": best and best.val_loss,
        "best_train_psnr_db": best and best.train_psnr_db,
        "psnr_gap_db": best and best.train_psnr_db - best.val_psnr_db,
        "last_val_psnr_db": last and last.val_psnr_db,
        "last_val_ssim": last and last.val_ssim,
    }


def _costs(record: TrialRecord) -> Row:
    last = record.epochs[-1] if record.epochs else None
    return {
        "train_s": sum(epoch.train_s for epoch in record.epochs),
        "val_s": sum(epoch.val_s for epoch in record.epochs),
        "wall_s": record.wall_s,
        "wait_s": record.wait_s,
        "measured_peak_mib": last and last.measured_peak_mib,
        "memory_method": last and last.memory_method,
    }


def run_beside(records: Sequence[TrialRecord]) -> dict[int, list[int]]:
    """Return, for every trial, the numbers of those that ran at any time while it ran, in order.

    One sweep over the beginnings: whoever has not ended by then runs beside the newcomer. A trial
    that ends in the moment in which another begins is not beside it, and one that no worker started
    never ran.
    """
    ran = [(record.started.elapsed_s, record) for record in records if record.started is not None]
    beside: dict[int, list[int]] = {record.spec.number: [] for record in records}
    running: list[TrialRecord] = []
    for start_s, record in sorted(ran, key=itemgetter(0)):
        running = [other for other in running if _end_s(other) > start_s]
        for other in running:
            beside[record.spec.number].append(other.spec.number)
            beside[other.spec.number].append(record.spec.number)
        running.append(record)
    return {number: sorted(others) for number, others in beside.items()}


def _end_s(record: TrialRecord) -> float:
    return math.inf if record.ended is None else record.ended.elapsed_s
