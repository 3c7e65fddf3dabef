"""Fields of the events at the beginning and the end of a study, named as columns of the tables."""

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from models.training.precision import PLAIN
from tune.outcomes import Outcome
from tune.promotion.verdict_rows import verdict_rows
from tune.results.resume import Start
from tune.storage.trial_rows import trial_row
from tune.study.estimate import StudyEstimate
from tune.study.fitting import Fitted
from tune.study.plan import StudyPlan
from tune.study.space_rows import dimension_rows

if TYPE_CHECKING:
    from tune.promotion.plan import PromotionPlan
    from tune.promotion.run import PromotionResult
    from tune.study.opening import OpenStudy
    from tune.study.run import StudyResult
    from tune.trial.record import TrialRecord

Fields = dict[str, Any]


def plan_fields(study: Fitted) -> Fields:
    """Return what a search is about to do."""
    plan, config = study.plan, study.plan.config
    return {
        **_study_fields(plan, study.start),
        "num_planned": config.trials,
        "max_epochs": config.epochs,
        "left_s": study.left_s,
        "max_concurrent": config.max_concurrent,
        "searcher": config.searcher,
        "scheduler": config.scheduler,
        "rung_epochs": list(plan.rungs),
        "dimensions": _dimensions(plan),
        "known": [{"proposed_by": one.proposed_by, **one.values} for one in plan.known],
        "picked": _picked(plan),
    }


def training_fields(plan: StudyPlan, start: Start) -> Fields:
    """Return what a training is about to do: its one trial has the values that were given."""
    config = plan.config
    return {
        **_study_fields(plan, start),
        "num_planned": config.trials,
        "max_epochs": config.epochs,
        "known": [{"proposed_by": one.proposed_by, **config.values} for one in plan.known],
        "picked": _picked(plan),
    }


def cost_fields(plan: StudyPlan, estimate: StudyEstimate) -> Fields:
    """Return what a search would take."""
    return {
        "arch": plan.config.arch,
        "ratio": plan.config.ratio,
        "epoch_s": estimate.epoch_s,
        "expected_epochs": estimate.expected_epochs,
        "most_epochs": estimate.most_epochs,
        "expected_s": estimate.expected_s,
        "most_s": estimate.most_s,
        "widths": [
            {
                "base_channels": one.spec.model.base_channels,
                "micro_batch": one.spec.train.micro_batch,
                **asdict(one.spec.placement),
                "num_side_by_side": one.num_side_by_side,
                "trials_per_hour": estimate.trials_per_hour(one),
            }
            for one in estimate.classes
        ],
    }


def promotion_fields(plan: "PromotionPlan", start: Start) -> Fields:
    """Return what a promotion is about to do."""
    promotion = plan.promotion
    return {
        **_study_fields(plan, start),
        "source_study": promotion.study,
        "num_planned": plan.num_runs,
        "max_epochs": promotion.epochs,
        "num_seeds": promotion.seeds,
        "patience": promotion.patience,
        "racing": promotion.racing,
        "max_concurrent": promotion.max_concurrent,
        "expected_s": plan.predicted_s,
        "candidates": [
            {
                "candidate": one.name,
                "rank": one.rank,
                "source_trial": one.source_trial,
                "search_val_psnr_db": one.search_val_psnr_db,
                **one.values,
                **asdict(plan.run_spec(one, PLAIN).placement),
                "expected_s": plan.run_s(one),
            }
            for one in plan.candidates
        ],
    }


def start_fields(study: "OpenStudy") -> Fields:
    """Return which study has begun or is resumed, and where it lies."""
    return {"study": study.folder.name, "folder": str(study.folder.path)}


def search_end_fields(study: "OpenStudy", result: "StudyResult", exit_code: int) -> Fields:
    """Return what a search found: its best trial has the columns of the table trials."""
    summary = result.summary
    return {
        **start_fields(study),
        "outcomes": {str(outcome): count for outcome, count in summary.outcomes.items()},
        "epochs_spent": summary.epochs_spent,
        "epochs_saved": summary.epochs_saved,
        "best": _best(study, summary.ranked[0]) if summary.ranked else None,
        "gain": summary.gain,
        "noise": summary.noise,
        "references": [asdict(line) for line in result.references],
        "has_filled_its_time": result.has_filled_its_time,
        "interruption": result.interruption,
        "exit_code": exit_code,
    }


def training_end_fields(study: "OpenStudy", record: "TrialRecord", exit_code: int) -> Fields:
    """Return how a training ended: its trial has the columns of the table trials."""
    is_interrupted = record.outcome is Outcome.INTERRUPTED
    return {
        **start_fields(study),
        "outcomes": {str(record.outcome): 1},
        "epochs_spent": len(record.epochs),
        "best": None if record.best is None else _best(study, record),
        "interruption": record.reason if is_interrupted else None,
        "exit_code": exit_code,
    }


def promotion_end_fields(
    plan: "PromotionPlan", study: "OpenStudy", result: "PromotionResult", exit_code: int
) -> Fields:
    """Return what a promotion found: its verdicts have the columns of the table verdicts."""
    config, facts = plan.config, study.agreement.facts
    rows = verdict_rows(study.folder.name, config.arch, config.ratio, facts, result.verdicts)
    ended = (one.outcome for one in result.records.values() if one.outcome is not None)
    outcomes = Counter(map(str, ended))
    return {
        **start_fields(study),
        "outcomes": dict(outcomes),
        "verdicts": rows,
        "left_out": list(result.left_out),
        "interruption": result.interruption,
        "exit_code": exit_code,
    }


def _study_fields(plan: StudyPlan, start: Start) -> Fields:
    """Return what plans of all kinds of studies have in common."""
    config = plan.config
    return {
        "arch": config.arch,
        "ratio": config.ratio,
        "rate": config.rate,
        "rate_target_bpp": config.target_bpp,
        "objective": config.objective,
        **asdict(plan.corpus.info.stamp),
        "data_fraction": config.data_fraction,
        "crop_px": plan.crop_px,
        "val_images": plan.val_images,
        "device": config.device,
        "resumes": None if start.folder is None else start.folder.name,
        "is_finished": start.is_finished,
    }


def _picked(plan: StudyPlan) -> Fields:
    return {name: asdict(pick) for name, pick in plan.picked.items()}


def _best(study: "OpenStudy", record: "TrialRecord") -> Fields:
    """Return the row of a study's best trial."""
    row = dict(trial_row(record, study.agreement.facts))
    del row["concurrent_with"]  # which needs all trials, and stands in the trial's own event
    return row


def _dimensions(plan: StudyPlan) -> list[Fields]:
    """Return the rows of the table dimensions, without the study, which has no name yet."""
    rows = map(dict, dimension_rows("", plan.space))
    return [{name: value for name, value in row.items() if name != "study"} for row in rows]
