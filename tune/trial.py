"""One trial: what is needed to run it anywhere, and what became of it.

`TrialSpec` travels to a worker; `TrialRecord` grows on the driver while results come back.
`open_session` turns a specification into a training session: the search's workers and
`tune.train` both call it, so that there is one training loop.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Self

from models.registry import ModelConfig
from tune.clock import Moment
from tune.errors import UsageError
from tune.outcomes import Outcome
from tune.placement import UNPLACED, Placement

if TYPE_CHECKING:
    from data.batches import EvalBatches, TrainBatches
    from data.dataset import Corpus
    from models.training import EpochResult, TrainConfig, TrainingSession
    from tune.rungs import RungDecision
    from tune.space import Value


@dataclass(frozen=True)
class StudyFacts:
    """What is the same in every trial's row of a study.

    Attributes:
        mode: Fidelity, "quick" or "full".
        corpus: Name of the corpus.
        is_synthetic: Whether its pixels are generated.
        corpus_fingerprint: Of patches, bounds and index.
        split_fingerprint: Of the split into training, validation and test.
        val_images: Size of the frozen validation set.
    """

    mode: str
    corpus: str
    is_synthetic: bool
    corpus_fingerprint: str
    split_fingerprint: str
    val_images: int


@dataclass(frozen=True)
class DataSpec:
    """Which pixels a trial sees.

    Attributes:
        corpus: Folder of the prepared corpus.
        crop_px: Side of the square crops, in pixels.
        data_fraction: Share of the training patches, in (0, 1].
        val_images: Size of the frozen validation set; None for every validation patch.
        seed: Chooses the share of training patches: the study's, so that trials share their data.
        corpus_fingerprint: What the study was planned on; another corpus there is refused.
        split_fingerprint: Likewise for the split.
    """

    corpus: str
    crop_px: int
    data_fraction: float
    val_images: int | None
    seed: int
    corpus_fingerprint: str
    split_fingerprint: str


@dataclass(frozen=True)
class TrialSpec:
    """Everything that a worker needs to run one trial.

    Attributes:
        study: Name of the study.
        number: The trial's number in it.
        model: What is trained.
        train: How.
        data: On what.
        device: Where, "cpu" or "cuda".
        proposed_by: Where the configuration comes from.
        checkpoint: File of the best epoch; the newest epoch's lie beside it. None keeps none.
        known_epochs: Epochs that the search has heard of, from which the trial goes on.
        placement: What is booked for it.
        label: What its name ends in; None for its number.
    """

    study: str
    number: int
    model: ModelConfig
    train: "TrainConfig"
    data: DataSpec
    device: str
    proposed_by: str
    checkpoint: str | None = None
    known_epochs: int = 0
    placement: Placement = UNPLACED
    label: str | None = None

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself, which never changes: Ray Tune copies what it is given, twice a trial."""
        return self

    @property
    def short_name(self) -> str:
        """Its name within the study: its number, or candidate and seed of a promoted run."""
        return self.label or f"t{self.number:03d}"

    @property
    def name(self) -> str:
        """The study's name with the trial's own."""
        return f"{self.study}_{self.short_name}"

    def value_of(self, dimension: str) -> "Value":
        """Return the value of a searched dimension, wherever it is kept."""
        holder = self.model if hasattr(self.model, dimension) else self.train
        value: Value = getattr(holder, dimension)
        return value


@dataclass
class TrialRecord:
    """What the driver knows about a trial: grows by one epoch at a time, ends with one outcome.

    Attributes:
        spec: What was asked for.
        begun: When the trial was handed out.
        epochs: The finished epochs, in order; kept however the trial ends.
        heard: When the search heard of each of them.
        decisions: What rungs decided about it.
        failures: Why its worker was lost, each time.
        outcome: How it ended; None while it runs.
        reason: Why, for a person; None for a completed trial.
        ended: When it ended.
        started: When a worker first took it up; None while it waits for one, or for memory.
    """

    spec: TrialSpec
    begun: Moment
    epochs: list["EpochResult"] = field(default_factory=list)
    heard: list[Moment] = field(default_factory=list)
    decisions: list["RungDecision"] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    reason: str | None = None
    ended: Moment | None = None
    started: Moment | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended for good; an interrupted trial can go on."""
        return self.outcome not in {None, Outcome.INTERRUPTED}

    @property
    def wall_s(self) -> float:
        """Running time of the study from its start to its end, or to its last epoch so far."""
        last = self.ended or (self.heard[-1] if self.heard else self.begun)
        return last.elapsed_s - self.begun.elapsed_s

    @property
    def wait_s(self) -> float:
        """Running time of the study that passed before a worker first took it up."""
        return 0.0 if self.started is None else self.started.elapsed_s - self.begun.elapsed_s

    @property
    def best(self) -> "EpochResult | None":
        """The epoch that every "best" value comes from: highest validation PSNR, first of ties."""
        return max(self.epochs, key=lambda epoch: epoch.val_psnr_db, default=None)

    @property
    def best_val_psnr_db(self) -> float:
        """Validation PSNR of the best epoch in dB; minus infinity before the first epoch."""
        best = self.best
        return float("-inf") if best is None else best.val_psnr_db


@lru_cache(maxsize=4)
def open_corpus(path: str) -> "Corpus":
    """Return the corpus at `path`, opened once per process.

    A worker runs many trials on one corpus; a prepared corpus never changes in place.

    Raises:
        DataError: If there is no readable corpus there.
    """
    from data.dataset import Corpus

    return Corpus.open(Path(path))


def open_session(spec: TrialSpec) -> "TrainingSession":
    """Return a training session at epoch 0 for a specification.

    Raises:
        DataError: If the corpus cannot be read or has no patches for the asked split.
        UsageError: If the corpus is not the one that the study was planned on.
        ModelError: If the model cannot be built or the crop does not suit it.
    """
    from models.training import TrainingSession

    train, val = open_batches(spec)
    return TrainingSession(spec.model, spec.train, train, val, spec.device)


def open_batches(spec: TrialSpec) -> "tuple[TrainBatches, EvalBatches]":
    """Return what a trial trains on and what it is scored on.

    Raises:
        DataError: If the corpus cannot be read or has no patches for the asked split.
        UsageError: If the corpus is not the one that the study was planned on.
    """
    from data.batches import EvalBatches, TrainBatches

    corpus = open_corpus(spec.data.corpus)
    check_fingerprints(corpus, spec.data)
    train = corpus.patches("train", fraction=spec.data.data_fraction, seed=spec.data.seed)
    return (
        TrainBatches(train, spec.data.crop_px, spec.train.batch_size, spec.train.seed),
        EvalBatches(
            corpus.patches("val"), spec.data.crop_px, spec.train.batch_size, spec.data.val_images
        ),
    )


def check_fingerprints(corpus: "Corpus", data: DataSpec) -> None:
    """Refuse a corpus that is not the one that the study was planned on.

    Raises:
        UsageError: With the two fingerprints that differ.
    """
    pairs = {
        "corpus": (data.corpus_fingerprint, corpus.info.fingerprint),
        "split": (data.split_fingerprint, corpus.info.split_fingerprint),
    }
    for what, (planned, found) in pairs.items():
        if planned != found:
            raise UsageError(
                f"a study keeps its {what}, planned with fingerprint {planned}, found {found} in "
                f"{data.corpus!r}: start a new study on the changed corpus"
            )
