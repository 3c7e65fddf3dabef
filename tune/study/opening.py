"""Opens a study: its folder, its lock, its journal, and what it decided once for every session."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from models.kept import kept
from models.training.precision import Probe, Stack, choose_stack
from tune.config.machine import Machine
from tune.config.rules import check_same_corpus
from tune.engine.elsewhere import run_where_trials_do
from tune.errors import is_disk_full
from tune.results.resume import Start
from tune.storage.folder import (
    CONFIG_FILE,
    MANIFEST_FILE,
    StudyFolder,
    create_study_folder,
    sweep_drafts,
)
from tune.storage.history import Agreement, Budget
from tune.storage.journal import StudyJournal
from tune.storage.journal_file import cut_torn_end
from tune.storage.lock import study_lock
from tune.storage.manifest import collect_manifest, device_name
from tune.study.plan import StudyPlan
from tune.trial.clock import StudyClock
from tune.trial.spec import StudyFacts

TIMINGS_FILE = ".training_steps.json"
"""In the results folder: which training step was the fastest, by machine and kind of model."""


@dataclass(frozen=True)
class OpenStudy:
    """A study that this process drives: it holds the lock.

    Attributes:
        folder: Where it lies.
        journal: What happened in it.
        stack: How its training steps run, in every session.
        agreement: What it decided once, for every session.
        budget: How much it may do, all sessions together.
        clock: Its time.
        notes: What a person should know of its opening.
    """

    folder: StudyFolder
    journal: StudyJournal
    stack: Stack
    agreement: Agreement
    budget: Budget
    clock: StudyClock
    notes: tuple[str, ...]

    @property
    def left_s(self) -> float:
        """Seconds until its time budget ends; infinity without one."""
        return max(0.0, self.budget.left_s(self.clock.elapsed_s))


@contextmanager
def open_study(
    plan: StudyPlan,
    start: Start,
    machine: Machine,
    command: Sequence[str],
    beside: Callable[[], object] = lambda: None,
) -> Iterator[OpenStudy]:
    """Make the folder of a new study, or open an earlier one, and hold its lock.

    Args:
        plan: What was decided.
        start: The earlier study, if it goes on with one, and its budget.
        machine: What it begins on.
        command: What a person typed.
        beside: Called when the lock is held, while training steps are timed if they have to be.

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
        journal = StudyJournal.open_or_create(folder.journal, folder.given_name)
        clock = StudyClock(journal.elapsed_s)
        stack, agreement = agree(plan, journal, beside)
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
        if not is_disk_full(error):
            raise
        return [f"no space left for {folder.budget_file}: tune.status shows an earlier budget"]
    return []


def close_budget(study: OpenStudy, num_trials: int) -> None:
    """Note that a study has filled its time: it is finished with the trials that it has.

    Args:
        study: The study.
        num_trials: Its trials, which `tune.status` shows as all of them.
    """
    budget = study.budget
    study.journal.set_budget(replace(budget, full_hours=budget.hours or 0.0))
    note_budget(study.folder, replace(budget, trials=num_trials))


def open_folder(plan: StudyPlan, machine: Machine, command: Sequence[str]) -> StudyFolder:
    """Make the study's folder with its configuration and manifest.

    Raises:
        UsageError: If the results folder cannot be written, or the study's name is taken.
    """
    manifest = collect_manifest(plan.kind, command, machine, plan.corpus.info.stamp, plan.picked)
    return create_study_folder(
        plan.config,
        {CONFIG_FILE: plan.config_text, MANIFEST_FILE: manifest.to_json()},
        mode=plan.mode,
    )


def agree(
    plan: StudyPlan, journal: StudyJournal, beside: Callable[[], object]
) -> tuple[Stack, Agreement]:
    """Return what the study decided once; decide it if this is its first session.

    Raises:
        UsageError: If it was decided for another corpus or split.
    """
    agreement = journal.agreement
    if agreement is None:
        with ThreadPoolExecutor(1, "timing") as pool:  # which waits for another process
            # What is done beside exchanges this process's environment.
            chosen = pool.submit(choose_study_stack, plan, dict(os.environ))
            beside()
            stack = chosen.result()
        agreement = Agreement(
            plan.known,
            stack.precision,
            stack.channels_last,
            study_facts(plan),
            plan.candidates,
        )
        journal.agree(agreement)
        return stack, agreement
    check_same_corpus(
        agreement.facts.corpus_fingerprint,
        agreement.facts.split_fingerprint,
        plan.corpus.info.stamp,
        str(plan.corpus.path),
    )
    beside()
    reason = f"{agreement.precision} as in the study's first session"
    return Stack(agreement.precision, agreement.channels_last, reason), agreement


def choose_study_stack(plan: StudyPlan, environment: Mapping[str, str] | None = None) -> Stack:
    """Return how the training steps of a study run: as asked, or the fastest of a short timing.

    One stack for all trials, so that their scores differ only by what is searched; it is timed at
    the configuration's own width, once per machine and kind of model: the results folder keeps it.

    Args:
        plan: What was decided.
        environment: Variables of what is started here; this process's by default.
    """
    config = plan.config
    if config.precision != "auto":
        return Stack(config.precision, channels_last=False, reason=f"{config.precision} as asked")
    kind = plan.model_config({}), plan.crop_px, config.batch_size, config.device

    def measure() -> dict[str, object]:
        place = plan.whole_place
        variables = environment if place.raylet is None else None
        stack = run_where_trials_do(place, choose_stack, *kind, variables)
        return asdict(replace(stack, reason=f"{stack.reason}, timed {date.today().isoformat()}"))

    key = f"{machine_of(plan)}, {Probe.of(*kind).name}"
    return Stack(**kept(Path(config.results) / TIMINGS_FILE, key, measure))


def machine_of(plan: StudyPlan) -> str:
    """Return what training steps are timed on: a card or a processor, and its node on a cluster."""
    if plan.fleet is not None:
        place = plan.fleet.largest
        return f"{place.host}: {place.card or 'cpu'}"
    card = plan.packing.card
    return card.name if plan.packing.num_gpus else device_name("cpu")


def study_facts(plan: StudyPlan) -> StudyFacts:
    """Return what is the same in every row of the study's tables."""
    return StudyFacts(
        **asdict(plan.corpus.info.stamp),
        mode=plan.mode,
        val_images=plan.val_images,
        rate=plan.config.rate,
    )
