"""From a plan to a finished study: joins folder, lock, journal, books and Ray.

`open_study` makes a study's folder or takes one up, and holds its lock; `run_study` runs its trials
and returns what they found. A study of an earlier session and a new one go the same way: the
journal of a new one is empty.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from rich.console import Console

from models.precision import Stack, choose_stack
from tune.calibration import calibrated
from tune.clock import StudyClock
from tune.conductor import Conductor, Proposes
from tune.errors import UsageError
from tune.importance import evaluate_importance
from tune.journal import Agreement, Budget, StudyJournal
from tune.journal_file import FULL, cut_torn_end
from tune.live import USUAL, Live
from tune.lock import study_lock
from tune.manifest import CorpusStamp, collect_manifest
from tune.plan import StudyPlan
from tune.profiles import Machine
from tune.progress import StudyProgress
from tune.proposal import Proposal
from tune.proposer import Proposer
from tune.ray_driver import run_trials
from tune.recorder import Recorder
from tune.references import Reference, reference_lines
from tune.rungs import RungLedger
from tune.search_rows import dimension_rows, importance_rows
from tune.start import Start
from tune.study import (
    CONFIG_FILE,
    MANIFEST_FILE,
    StudyFolder,
    create_study_folder,
    sweep_drafts,
)
from tune.summary import StudySummary, summarise
from tune.tables import read_readable_tables, write_table
from tune.tensorboard import TensorBoardLog
from tune.trial import StudyFacts, TrialRecord, TrialSpec


@dataclass(frozen=True)
class OpenStudy:
    """A study that this process drives: it holds the lock.

    Attributes:
        folder: Where it lies.
        journal: What happened in it.
        stack: How its training steps run, in every session.
        known: The points to try first.
        budget: How much it may do, all sessions together.
        clock: Its time.
        notes: What a person should know of its taking up.
    """

    folder: StudyFolder
    journal: StudyJournal
    stack: Stack
    agreement: Agreement
    budget: Budget
    clock: StudyClock
    notes: tuple[str, ...]


@dataclass(frozen=True)
class StudyResult:
    """What a study left: its folder, what it found, the reference lines, how it ended."""

    folder: StudyFolder
    summary: StudySummary
    references: tuple[Reference, ...]
    interruption: str | None


@contextmanager
def open_study(
    plan: StudyPlan, start: Start, machine: Machine, command: Sequence[str]
) -> Iterator[OpenStudy]:
    """Make the folder of a new study, or take one up, and hold its lock.

    Raises:
        UsageError: If the results folder cannot be written, another process drives the study, its
            journal is damaged, or it was planned on another corpus.
    """
    folder = open_folder(plan, machine, command) if start.folder is None else start.folder
    with study_lock(folder.lock) as dead:
        notes = [] if dead is None else [f"took over the lock of {dead.words}: it has died"]
        sweep_drafts(folder)
        torn_bytes = cut_torn_end(folder.journal) if folder.journal.exists() else 0
        if torn_bytes:
            notes.append(f"cut {torn_bytes} bytes of an unfinished last line off the journal")
        journal = StudyJournal.open_or_create(folder.journal, folder.name)
        clock = StudyClock(journal.elapsed_s)
        stack, agreement = agree(plan, journal)
        if journal.budget != start.budget:
            journal.set_budget(start.budget)
        notes += note_budget(folder, start.budget)
        journal.begin_session(command, clock.now())
        yield OpenStudy(folder, journal, stack, agreement, start.budget, clock, tuple(notes))


def note_budget(folder: StudyFolder, budget: Budget) -> list[str]:
    """Write a study's budget beside its journal; return a sentence if there is no space."""
    draft = folder.budget_file.with_suffix(".draft")
    try:
        draft.write_text(json.dumps(asdict(budget)), encoding="utf-8")
        draft.replace(folder.budget_file)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return [f"no space left for {folder.budget_file}: tune.status shows an earlier budget"]
    return []


def open_folder(plan: StudyPlan, machine: Machine, command: Sequence[str]) -> StudyFolder:
    """Make the study's folder with its configuration and manifest.

    Raises:
        UsageError: If the results folder cannot be written, or the study's name is taken.
    """
    info = plan.corpus.info
    stamp = CorpusStamp(info.name, info.is_synthetic, info.fingerprint, info.split_fingerprint)
    manifest = collect_manifest(command, machine, stamp, plan.picked)
    return create_study_folder(
        plan.config,
        {CONFIG_FILE: plan.config_text, MANIFEST_FILE: manifest.to_json()},
        mode=plan.mode,
    )


def agree(plan: StudyPlan, journal: StudyJournal) -> tuple[Stack, Agreement]:
    """Return what the study decided once; decide it if this is its first session.

    Raises:
        UsageError: If it was decided for another corpus or split.
    """
    info = plan.corpus.info
    agreement = journal.agreement
    if agreement is None:
        stack = choose_study_stack(plan)
        agreement = Agreement(
            plan.known,
            stack.precision,
            stack.channels_last,
            study_facts(plan),
            plan.candidates,
        )
        journal.agree(agreement)
        return stack, agreement
    for what, planned, found in (
        ("corpus", agreement.facts.corpus_fingerprint, info.fingerprint),
        ("split", agreement.facts.split_fingerprint, info.split_fingerprint),
    ):
        if planned != found:
            raise UsageError(
                f"a study keeps its {what}, planned with fingerprint {planned}, found {found} in "
                f"{str(plan.corpus.path)!r}: bring the old one back, or start anew with --new"
            )
    reason = f"{agreement.precision} as in the study's first session"
    return Stack(agreement.precision, agreement.channels_last, reason), agreement


def choose_study_stack(plan: StudyPlan) -> Stack:
    """Return how the training steps of a study run: as asked, or the fastest of a short timing.

    One stack for all trials, so that their scores differ only by what is searched; it is timed at
    the configuration's own width.
    """
    config = plan.config
    if config.precision != "auto":
        return Stack(config.precision, channels_last=False, reason=f"{config.precision} as asked")
    return choose_stack(plan.model_config({}), plan.crop_px, config.batch_size, config.device)


def make_conductor(
    plan: StudyPlan, study: OpenStudy, progress: StudyProgress, live: Live = USUAL
) -> Conductor:
    """Return the conductor of an open study, with everything that earlier sessions did."""
    config = plan.config
    recorder = Recorder(
        study.folder,
        study.agreement.facts,
        study.journal,
        study.clock,
        progress.say,
        hear=listener(study.folder, live),
    )
    proposer = Proposer(
        study.journal,
        plan.space.dimensions,
        study.agreement.known,
        config.searcher,
        config.seed,
    )
    ledger = RungLedger(plan.rungs, config.reduction_factor, config.audit, config.seed)
    return join_conductor(plan, study, progress, proposer, ledger, recorder)


def join_conductor(
    plan: StudyPlan,
    study: OpenStudy,
    progress: StudyProgress,
    proposer: Proposes,
    ledger: RungLedger,
    recorder: Recorder,
) -> Conductor:
    """Return a conductor of these parts that has taken up what earlier sessions did.

    Its trials are placed on the study's card, with what its own trials teach about their memory.
    """
    plan = replace(plan, packing=calibrated(plan, study.stack))

    def make_spec(proposal: Proposal) -> TrialSpec:
        learnt = plan.corrected(recorder.trials.values())
        return learnt.trial_spec(proposal, study.stack, study.folder)

    conductor = Conductor(
        proposer, ledger, recorder, make_spec, progress, study.budget, plan.packing.rebook
    )
    study.journal.file.on_full = progress.say
    study.journal.file.should_give_up = lambda: conductor.interruption is not None
    conductor.resume()
    return conductor


def listener(folder: StudyFolder, live: Live) -> Callable[[TrialRecord], None]:
    """Return who hears of every epoch and end beside the books."""
    if live.tensorboard:
        return TensorBoardLog(folder.path / "tensorboard").hear
    return lambda _: None


def run_study(
    plan: StudyPlan, study: OpenStudy, console: Console, quiet: bool, live: Live = USUAL
) -> StudyResult:
    """Run an open study inside a `ray_session` and return what it found.

    Args:
        plan: What was decided.
        study: Its folder and journal.
        console: Where progress goes.
        quiet: Whether to show none.
        live: What else is offered to watch.
    """
    config = plan.config
    # Workers import what they need meanwhile. Never in a thread while Ray starts: a fork waits for
    # ever for a matrix product that another thread is in.
    references = study_references(plan, study.folder)
    with StudyProgress(console, study.budget.trials, config.epochs, quiet) as progress:
        for note in study.notes:
            progress.say(note)
        write_table(
            study.folder.tables, "dimensions", dimension_rows(study.folder.name, plan.space)
        )
        conductor = make_conductor(plan, study, progress, live)
        run_trials(conductor, plan.packing, live)
    records = list(conductor.recorder.trials.values())
    found = evaluate_importance(records, plan.space.dimensions, min(plan.rungs, default=None))
    write_table(study.folder.tables, "importance", importance_rows(study.folder.name, found))
    return StudyResult(
        folder=study.folder,
        summary=summarise(records, plan.space.dimensions),
        references=tuple(references),
        # A signal that came after the last trial had ended interrupted nothing.
        interruption=conductor.interruption if conductor.has_more_to_do else None,
    )


def study_facts(plan: StudyPlan) -> StudyFacts:
    """Return what is the same in every row of the study's tables."""
    info = plan.corpus.info
    return StudyFacts(
        mode=plan.mode,
        corpus=info.name,
        is_synthetic=info.is_synthetic,
        corpus_fingerprint=info.fingerprint,
        split_fingerprint=info.split_fingerprint,
        val_images=plan.val_images,
    )


def study_references(plan: StudyPlan, folder: StudyFolder) -> list[Reference]:
    """Return the reference lines of a study: those of its first session, or computed now."""
    known, _ = read_readable_tables(folder.path.parent, "references", folder.name)
    if not known.empty:
        return [
            Reference(row["reference"], row["psnr_db"], row["ssim"], row["num_images"])
            for row in known.to_dict("records")
        ]
    lines = reference_lines(plan.corpus, plan.model_config({}), plan.crop_px, plan.val_images)
    write_references(plan, folder, lines)
    return lines


def write_references(plan: StudyPlan, folder: StudyFolder, references: Sequence[Reference]) -> None:
    """Write the reference lines of a study as its `references` table."""
    info = plan.corpus.info
    rows = [
        {
            "study": folder.name,
            "corpus": info.name,
            "is_synthetic": info.is_synthetic,
            "corpus_fingerprint": info.fingerprint,
            "split": "val",
            "crop_px": plan.crop_px,
            "ratio": plan.config.ratio,
            "reference": line.reference,
            "psnr_db": line.psnr_db,
            "ssim": line.ssim,
            "num_images": line.num_images,
        }
        for line in references
    ]
    write_table(folder.tables, "references", rows)
