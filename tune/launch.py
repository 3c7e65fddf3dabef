"""From a resolved configuration to a finished study: joins corpus, space, books and Ray.

`plan_study` reads and checks everything without writing anything; `prepare_study` makes the study's
folder and times its training step; `run_study` runs the trials and returns what they found.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.console import Console

from data.dataset import Corpus
from models.precision import Stack, choose_stack
from models.registry import ModelConfig
from models.training import TrainConfig
from tune.config import Resolved, SearchConfig, write_config
from tune.errors import UsageError
from tune.manifest import CorpusStamp, collect_manifest
from tune.neighbours import neighbour_points
from tune.profiles import Machine, Pick
from tune.progress import StudyProgress
from tune.proposal import KnownPoint, Proposal
from tune.ray_driver import Packing, run_trials
from tune.recorder import Recorder
from tune.references import Reference, reference_lines
from tune.rows import StudyFacts
from tune.rungs import RungLedger, rung_epochs
from tune.space import SearchSpace, Value
from tune.study import CONFIG_FILE, MANIFEST_FILE, StudyFolder, create_study_folder
from tune.summary import StudySummary, summarise
from tune.tables import read_table, write_table
from tune.trial import DataSpec, TrialSpec


@dataclass(frozen=True)
class StudyPlan:
    """Everything that is decided before a study starts.

    Attributes:
        config: The resolved configuration.
        picked: What the machine's profile chose of it, with reasons.
        corpus: The corpus that it reads.
        space: What is searched.
        known: The points to try first.
        rungs: The epochs at which trials are compared; empty without a scheduler.
        packing: How trials share the machine.
        crop_px: Side of the crops that trials train and are scored on.
        val_images: Images of the frozen validation set.
    """

    config: SearchConfig
    picked: Mapping[str, Pick]
    corpus: Corpus
    space: SearchSpace
    known: tuple[KnownPoint, ...]
    rungs: tuple[int, ...]
    packing: Packing
    crop_px: int
    val_images: int

    @property
    def label(self) -> str:
        """What is searched, in a few words."""
        synthetic = " (SYNTHETIC)" if self.corpus.info.is_synthetic else ""
        return (
            f"{self.config.arch} {self.config.ratio}x on {self.corpus.info.name}{synthetic}, "
            f"{self.crop_px} px"
        )

    def model_config(self, values: Mapping[str, Value]) -> ModelConfig:
        """Return the model of a proposal; what is not searched comes from the configuration."""
        return ModelConfig(
            arch=self.config.arch,
            ratio=self.config.ratio,
            base_channels=int(values.get("base_channels", self.config.base_channels)),
            dropout=float(values.get("dropout", self.config.dropout)),
        )

    def train_config(self, values: Mapping[str, Value]) -> TrainConfig:
        """Return the training of a proposal; every trial of a study shares the study's seed.

        One seed for all trials: they start from the same weights (at equal width) and see the same
        batches, so that differences come from what is searched.
        """
        config = self.config
        mse_weight = float(values.get("mse_weight", config.mse_weight))
        return TrainConfig(
            learning_rate=float(values.get("learning_rate", config.learning_rate)),
            warmup_epochs=int(values.get("warmup_epochs", config.warmup_epochs)),
            epochs=config.epochs,
            weight_decay=float(values.get("weight_decay", config.weight_decay)),
            schedule=str(values.get("schedule", config.schedule)),
            gradient_clip=float(values.get("gradient_clip", config.gradient_clip)),
            mse_weight=mse_weight,
            ssim_weight=1.0 - mse_weight,
            batch_size=int(values.get("batch_size", config.batch_size)),
            seed=config.seed,
        )

    def data_spec(self) -> DataSpec:
        """Return which pixels the trials see."""
        config = self.config
        return DataSpec(
            corpus=str(self.corpus.path),
            crop_px=self.crop_px,
            data_fraction=config.data_fraction,
            val_images=self.val_images,
            seed=config.seed,
            corpus_fingerprint=self.corpus.info.fingerprint,
            split_fingerprint=self.corpus.info.split_fingerprint,
        )

    def trial_spec(
        self, proposal: Proposal, stack: Stack, folder: StudyFolder | None = None
    ) -> TrialSpec:
        """Return what a worker needs to run a proposal; without a folder it keeps no checkpoint."""
        train = self.train_config(proposal.values)
        study = "plan" if folder is None else folder.name
        checkpoint = None
        if folder is not None:
            checkpoint = str(folder.checkpoints.resolve() / f"{study}_t{proposal.number:03d}.pt")
        return TrialSpec(
            study=study,
            number=proposal.number,
            model=self.model_config(proposal.values),
            train=replace(train, precision=stack.precision, channels_last=stack.channels_last),
            data=self.data_spec(),
            device=self.config.device,
            proposed_by=proposal.proposed_by,
            checkpoint=checkpoint,
        )


@dataclass(frozen=True)
class StudyResult:
    """What a study left: its folder, what it found, the reference lines, how it ended."""

    folder: StudyFolder
    summary: StudySummary
    references: tuple[Reference, ...]
    interruption: str | None


def plan_study(resolved: Resolved, corpus: Corpus) -> StudyPlan:
    """Decide everything about a study; reads earlier tables, writes nothing.

    Raises:
        UsageError: If flags, space and corpus do not fit together.
        DataError: If the corpus has no patches to train or to score on.
        ModelError: If no model or training has these values.
    """
    config = resolved.config
    patch_px = corpus.info.patch_px
    crop_px = patch_px if config.crop_px is None else config.crop_px
    if crop_px > patch_px:
        raise UsageError(
            f"--crop-px must not exceed the corpus's patches of {patch_px} px, found {crop_px}: "
            "choose a smaller crop or prepare larger patches"
        )
    space = config.space
    num_val = len(corpus.patches("val"))
    corpus.patches("train", fraction=config.data_fraction, seed=config.seed)  # refuses an empty one
    rungs: tuple[int, ...] = ()
    if config.scheduler == "asha":
        rungs = rung_epochs(config.grace_epochs, config.epochs, config.reduction_factor)
    hand_set = {dim.name: dim.nearest(config.hand_set[dim.name]) for dim in space.dimensions}
    known = [KnownPoint("hand_set", hand_set)]
    neighbours = neighbour_points(
        read_table(config.results, "trials"),
        config.arch,
        config.ratio,
        corpus.info.fingerprint,
        space.dimensions,
    )
    known += [point for point in neighbours if dict(point.values) != hand_set]
    return StudyPlan(
        config=config,
        picked=resolved.picked,
        corpus=corpus,
        space=space,
        known=tuple(known[: config.trials]),
        rungs=rungs,
        packing=Packing(config.max_concurrent, num_gpus=1 if config.device == "cuda" else 0),
        crop_px=crop_px,
        val_images=min(num_val, config.val_images or num_val),
    )


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
        {CONFIG_FILE: write_config(plan.config), MANIFEST_FILE: manifest.to_json()},
    )


def prepare_study(
    plan: StudyPlan, machine: Machine, command: Sequence[str]
) -> tuple[StudyFolder, Stack]:
    """Make a study's folder and choose how its training steps run."""
    return open_folder(plan, machine, command), choose_study_stack(plan)


def choose_study_stack(plan: StudyPlan) -> Stack:
    """Return how the training steps of a study run: as asked, or the fastest of a short timing.

    One stack for all trials, so that their scores differ only by what is searched; it is timed at
    the configuration's own width.
    """
    config = plan.config
    if config.precision != "auto":
        return Stack(config.precision, channels_last=False, reason=f"{config.precision} as asked")
    return choose_stack(plan.model_config({}), plan.crop_px, config.batch_size, config.device)


def run_study(
    plan: StudyPlan, stack: Stack, folder: StudyFolder, console: Console, quiet: bool
) -> StudyResult:
    """Run a planned study inside a `ray_session` and return what it found.

    Args:
        plan: What was decided.
        stack: How its training steps run.
        folder: The study's new folder.
        console: Where progress goes.
        quiet: Whether to show none.
    """
    from tune.conductor import Conductor  # with Optuna, which a plan does not need
    from tune.proposer import Proposer

    config = plan.config
    references = reference_lines(plan.corpus, plan.model_config({}), plan.crop_px, plan.val_images)
    write_references(plan, folder, references)
    proposer = Proposer(
        folder.journal, folder.name, plan.space.dimensions, plan.known, config.searcher, config.seed
    )
    recorder = Recorder(folder, study_facts(plan))
    deadline_s = None if config.hours is None else time.monotonic() + 3600 * config.hours
    with StudyProgress(console, config.trials, config.epochs, quiet) as progress:
        conductor = Conductor(
            proposer,
            RungLedger(plan.rungs, config.reduction_factor),
            recorder,
            lambda proposal: plan.trial_spec(proposal, stack, folder),
            progress,
            config.trials,
            deadline_s,
        )
        run_trials(conductor, plan.packing)
    records = list(recorder.trials.values())
    return StudyResult(
        folder=folder,
        summary=summarise(records, plan.space.dimensions),
        references=tuple(references),
        interruption=conductor.interruption,
    )


def study_facts(plan: StudyPlan) -> StudyFacts:
    """Return what is the same in every row of the study's tables."""
    info = plan.corpus.info
    return StudyFacts(
        mode="quick",  # "full" is for promoted runs, several seeds each
        corpus=info.name,
        is_synthetic=info.is_synthetic,
        corpus_fingerprint=info.fingerprint,
        split_fingerprint=info.split_fingerprint,
        val_images=plan.val_images,
    )


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
