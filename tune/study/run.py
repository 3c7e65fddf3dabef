"""From a plan to a finished study: joins folder, lock, journal, records and Ray.

`run_study` runs the trials of an open study and returns what they found. A study of an earlier
session and a new one go the same way: the journal of a new one is empty.
"""

import platform
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from models.training.objective import OBJECTIVES
from tune.card.calibration import calibrated
from tune.card.packing import Packing
from tune.config.watching import Live
from tune.engine.elsewhere import run_where_trials_do
from tune.engine.run import interruptible, run_trials
from tune.engine.session import Session
from tune.evaluation.references import Reference
from tune.scheduling.conductor import Conductor
from tune.scheduling.importance import evaluate_importance
from tune.scheduling.roles import Suggests, Watches
from tune.scheduling.rules import StoppingRule
from tune.scheduling.rungs import RungLedger
from tune.scheduling.sampler import Sampler
from tune.space.points import Suggestion
from tune.storage.event_files import TensorBoardLog
from tune.storage.folder import StudyFolder
from tune.storage.recorder import Recorder
from tune.study.lines import lines_beside_trials, read_lines
from tune.study.opening import OpenStudy, close_budget
from tune.study.plan import StudyPlan
from tune.study.space_rows import dimension_rows, importance_rows
from tune.study.summary import StudySummary, summarise
from tune.tables.files import write_table
from tune.trial.linear_start import linear_start
from tune.trial.record import TrialRecord
from tune.trial.spec import TrialSpec

if TYPE_CHECKING:  # which loads Ray
    from tune.engine.nodes import Nodes


@dataclass(frozen=True)
class StudyResult:
    """What a study left: its folder, what it found, the reference lines, how it ended.

    It was interrupted, for a reason, or has filled its time, or neither.
    """

    folder: StudyFolder
    summary: StudySummary
    references: tuple[Reference, ...]
    interruption: str | None
    has_filled_its_time: bool = False


def make_conductor(
    plan: StudyPlan,
    study: OpenStudy,
    watcher: Watches,
    listen: Callable[[TrialRecord], None] = lambda _: None,
    nodes: "Nodes | None" = None,
) -> Conductor:
    """Return the conductor of an open study, with everything that earlier sessions did.

    What listens is called with every epoch and end, beside the records.
    """
    config = plan.config
    recorder = Recorder(
        study.folder,
        study.agreement.facts,
        study.journal,
        study.clock,
        watcher.say,
        listener=listen,
    )
    sampler = Sampler(
        study.journal,
        plan.space.dimensions,
        study.agreement.known,
        config.searcher,
        config.seed,
    )
    cutoff = StoppingRule.of(config).cutoff
    ledger = RungLedger(plan.rungs, cutoff, config.audit, config.seed)
    return join_conductor(plan, study, watcher, sampler, ledger, recorder, nodes)


def join_conductor(
    plan: StudyPlan,
    study: OpenStudy,
    watcher: Watches,
    sampler: Suggests,
    ledger: RungLedger,
    recorder: Recorder,
    nodes: "Nodes | None" = None,
) -> Conductor:
    """Return a conductor of these parts that knows what earlier sessions did.

    Its trials are placed on the study's card, or at the places that the cluster has by then, with
    what its own trials teach about their memory.
    """
    if plan.config.has_path:  # fitted once, before every worker asks for it
        linear_start(plan.corpus.path, plan.corpus.info.split_fingerprint)
    study.journal.name_score(OBJECTIVES[plan.config.objective].title)
    results, model = Path(plan.config.results), plan.model_config({})
    kind = results, model, plan.crop_px, study.stack
    if nodes is None:
        plan = replace(plan, packing=calibrated(plan.packing, *kind))
    else:
        nodes.calibrate(
            lambda packing, placement: calibrated(
                packing, *kind, run=partial(run_where_trials_do, placement)
            )
        )

    def learnt() -> StudyPlan:
        now = plan if nodes is None else replace(plan, fleet=nodes.fleet)
        return now.corrected(recorder.trials.values())

    def make_spec(suggestion: Suggestion) -> TrialSpec:
        if nodes is None:
            return placed_here(
                learnt().trial_spec(suggestion, study.stack, study.folder), plan.packing
            )
        return learnt().trial_spec(suggestion, study.stack, study.folder, conductor.live)

    def reserve_here(spec: TrialSpec) -> TrialSpec:
        return placed_here(plan.packing.reserve_again(spec), plan.packing)

    def move(spec: TrialSpec) -> TrialSpec:
        fleet = learnt().fleet
        # Without a place it stays as it is, until one comes.
        return fleet.reserve_again(spec, conductor.live) if fleet and fleet.places else spec

    conductor = Conductor(
        sampler,
        ledger,
        recorder,
        make_spec,
        watcher,
        study.budget,
        reserve_here if nodes is None else move,
        move,
    )
    study.journal.on_full(watcher.say, lambda: conductor.interruption is not None)
    conductor.resume()
    return conductor


def placed_here(spec: TrialSpec, packing: Packing) -> TrialSpec:
    """Return a trial that names this machine as the one it runs on, and its card."""
    if spec.placement.rejection is not None:
        return spec
    card = packing.card.name if packing.num_gpus else None
    return replace(spec, placement=replace(spec.placement, host=platform.node(), card=card))


def listener(folder: StudyFolder, live: Live) -> Callable[[TrialRecord], None]:
    """Return what is called with every epoch and end, beside the records."""
    if live.tensorboard:
        return TensorBoardLog(folder.path / "tensorboard").write
    return lambda _: None


def run_study(plan: StudyPlan, study: OpenStudy, watcher: Watches, session: Session) -> StudyResult:
    """Run an open study and return what it found.

    Args:
        plan: What was decided.
        study: Its folder and journal.
        watcher: Shows a person what happens.
        session: Where its trials run; it is started if it is not.

    Example:
        >>> with (  # doctest: +SKIP
        ...     open_study(plan, Start(None, Budget(8, None)), machine, ["a script"]) as study,
        ...     ray_on_demand() as session,
        ...     StudyProgress(Console(), 8, plan.config.epochs) as progress,
        ... ):
        ...     result = run_study(plan, study, progress, session)
        >>> result.summary.ranked[0].best_score  # doctest: +SKIP
        21.3
    """
    session.start(plan.packing)
    for note in study.notes:
        watcher.say(note)
    write_table(study.folder.tables, "dimensions", dimension_rows(study.folder.name, plan.space))
    has_epoch, write = threading.Event(), listener(study.folder, session.live)

    def listen(record: TrialRecord) -> None:
        has_epoch.set()
        write(record)

    conductor = make_conductor(plan, study, watcher, listen, session.nodes)
    with (
        interruptible(conductor),
        lines_beside_trials(
            plan, study.folder, watcher.say, has_epoch, lambda: conductor.interruption is not None
        ),
    ):
        run_trials(conductor, plan.packing, session)
    if conductor.has_filled_its_time:
        close_budget(study, len(conductor.recorder.trials))
    records = list(conductor.recorder.trials.values())
    found = evaluate_importance(records, plan.space.dimensions, min(plan.rungs, default=None))
    write_table(study.folder.tables, "importance", importance_rows(study.folder.name, found))
    return StudyResult(
        folder=study.folder,
        summary=summarise(records, plan.space.dimensions),
        references=read_lines(study.folder),
        # A signal that came after the last trial had ended interrupted nothing.
        interruption=conductor.interruption if conductor.has_more_to_do else None,
        has_filled_its_time=conductor.has_filled_its_time,
    )
