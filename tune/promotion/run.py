"""From a plan to a finished promotion: runs its runs as a search runs its trials, then judges them.

Folder, lock, journal, conductor, recorder and workers are the search's; a list of runs takes the
place of the sampler (`tune.promotion.queue`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tune.engine.run import interruptible, run_trials
from tune.engine.session import Session
from tune.evaluation.coding import NUM_FIT_IMAGES
from tune.evaluation.images import read_images
from tune.evaluation.validation import ScoringImages, ValidationScores
from tune.outcomes import Outcome
from tune.promotion.finish import finish_promotion
from tune.promotion.plan import PromotionPlan
from tune.promotion.queue import RunQueue
from tune.promotion.verdict_rows import verdict_rows
from tune.scheduling.conductor import Conductor
from tune.scheduling.cutoffs import TopShare
from tune.scheduling.roles import Watches
from tune.scheduling.rungs import RungLedger
from tune.statistics.race import Drop, Scores
from tune.statistics.verdicts import Verdict, judge_candidates
from tune.storage.folder import StudyFolder
from tune.storage.recorder import Recorder
from tune.storage.run_rows import run_rows
from tune.study.opening import OpenStudy, study_facts
from tune.study.run import join_conductor, listener
from tune.tables.files import write_table
from tune.trial.record import TrialRecord


@dataclass(frozen=True)
class PromotionResult:
    """What a promotion left.

    Attributes:
        folder: Where it lies.
        records: Its runs, by number.
        verdicts: On the candidates, best first; empty while it is interrupted.
        drops: Who got no further seeds.
        left_out: Completed runs that could not be scored.
        interruption: Why it ended early; None if it did not.
    """

    folder: StudyFolder
    records: Mapping[int, TrialRecord]
    verdicts: tuple[Verdict, ...]
    drops: Mapping[str, Drop]
    left_out: tuple[str, ...]
    interruption: str | None


@dataclass(frozen=True)
class Promoter:
    """The parts that drive one promotion."""

    conductor: Conductor
    queue: RunQueue
    validation: ValidationScores


def make_promoter(
    plan: PromotionPlan, study: OpenStudy, watcher: Watches, session: Session
) -> Promoter:
    """Return what drives an open promotion, with everything that earlier sessions did.

    The candidates are those of its first session: the search may have been extended since.
    """
    promotion = plan.promotion
    plan = replace(plan, candidates=study.agreement.candidates)
    validation = ValidationScores(
        study.folder,
        partial(read_scoring_images, plan),
        watcher.say,
    )
    recorder = Recorder(
        study.folder,
        study.agreement.facts,
        study.journal,
        study.clock,
        watcher.say,
        make_rows=run_rows(plan.candidates),
        best_kept=plan.num_runs,  # each is scored on test images at the end
        listener=listener(study.folder, session.live),
    )
    queue = RunQueue(
        study.journal,
        plan.candidates,
        promotion.run_seeds,
        (lambda number: validation.of(recorder.trials[number]))
        if promotion.racing == "on"
        else None,
        watcher.say,
        promotion.seed,
    )
    ledger = RungLedger((), TopShare(2))
    conductor = join_conductor(plan, study, watcher, queue, ledger, recorder, session.nodes)
    return Promoter(conductor, queue, validation)


def read_scoring_images(plan: PromotionPlan) -> ScoringImages:
    """Return what the runs of a promotion are scored on while it trains."""
    return ScoringImages(
        read_images(plan.corpus, "val", plan.score_px, plan.val_images),
        read_images(plan.corpus, "train", plan.score_px, NUM_FIT_IMAGES),
        plan.config.target_bpp,
    )


def train_candidates(
    plan: PromotionPlan,
    study: OpenStudy,
    watcher: Watches,
    session: Session,
) -> Promoter:
    """Train the runs of an open promotion that are still to be trained; return what drove them.

    Args:
        plan: What was decided.
        study: Its folder and journal.
        watcher: Shows a person what happens.
        session: Where they train; it is started only if there is a run to train.
    """
    for note in study.notes:
        watcher.say(note)
    promoter = make_promoter(plan, study, watcher, session)
    if promoter.conductor.is_drained:
        promoter.conductor.close()
    else:
        session.start(plan.packing)
        with interruptible(promoter.conductor):
            run_trials(promoter.conductor, plan.packing, session)
    return promoter


def conclude(
    plan: PromotionPlan, study: OpenStudy, promoter: Promoter, say: Callable[[str], None]
) -> PromotionResult:
    """Judge the candidates, score their runs on test images, and write what was found.

    An interrupted promotion is left as it is.
    """
    conductor, folder = promoter.conductor, study.folder
    records, drops = conductor.recorder.trials, promoter.queue.drops
    if conductor.interruption is not None:
        return PromotionResult(folder, records, (), drops, (), conductor.interruption)
    verdicts = judge(plan, study, promoter)
    completed = completed_runs(records.values())
    scored = [run for run in completed if promoter.validation.of(run) is not None]
    left_out = tuple(run.spec.short_name for run in completed if run not in scored)
    finish_promotion(plan, study, conductor, scored, verdicts, say)
    return PromotionResult(folder, records, verdicts, drops, left_out, conductor.interruption)


def judge(plan: PromotionPlan, study: OpenStudy, promoter: Promoter) -> tuple[Verdict, ...]:
    """Score what is not scored yet on validation images, judge, and write the verdicts table."""
    records = promoter.conductor.recorder.trials.values()
    verdicts = judge_candidates(
        study.agreement.candidates,
        validation_scores(records, promoter.validation),
        tuple(promoter.queue.drops),
        plan.promotion.seed,
    )
    rows = verdict_rows(
        study.folder.name, plan.config.arch, plan.config.ratio, study_facts(plan), verdicts
    )
    write_table(study.folder.tables, "verdicts", rows)
    return verdicts


def validation_scores(records: Iterable[TrialRecord], validation: ValidationScores) -> Scores:
    """Return the validation scores of completed runs, by candidate and seed."""
    ordered = sorted(records, key=lambda one: one.spec.number)
    scores: dict[str, dict[int, NDArray[np.float64]]] = {
        record.spec.proposed_by: {} for record in ordered
    }
    for record in completed_runs(ordered):
        images = validation.of(record)
        if images is not None:
            scores[record.spec.proposed_by][record.spec.train.seed] = images
    return scores


def completed_runs(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Return the runs that reached their end, by number."""
    completed = [record for record in records if record.outcome is Outcome.COMPLETED]
    return sorted(completed, key=lambda one: one.spec.number)
