"""What is needed to run one trial anywhere: its model, its training, its data and its place."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from data.stamp import CorpusStamp
from models.registry import ModelConfig
from tune.space.dimension import Value
from tune.space.dimensions import DIMENSIONS

if TYPE_CHECKING:
    from models.training.config import TrainConfig


@dataclass(frozen=True)
class Placement:
    """What is reserved for one trial; decided when it is suggested, kept in the journal.

    Attributes:
        predicted_peak_mib: Most memory that it is predicted to hold in tensors, which is what a
            measurement sees; None without a prediction.
        gpu_fraction: Share of the card's usable memory that is reserved, in [0, 1]; 0 on a CPU.
        ram_mib: Memory of the machine that is reserved on a CPU, the worker's own included; 0 on a
            card.
        cap_mib: Memory in tensors that its worker may take on the card; None for no limit.
        num_threads: Threads of its worker.
        correction: Factor in predicted_peak_mib that earlier trials of the study asked for.
        rejection: Why it cannot run at all; None if it can.
        host: Machine that it runs on; None for a rejected one, and in journals of earlier releases.
        card: The CUDA card that it runs on, as its maker calls it; None also on a CPU.
        raylet: Ray's name of the place that it is bound to; None for the only one, of a Ray that
            the search starts for itself.
    """

    predicted_peak_mib: float | None = None
    gpu_fraction: float = 0.0
    ram_mib: float = 0.0
    cap_mib: float | None = None
    num_threads: int = 1
    correction: float = 1.0
    rejection: str | None = None
    host: str | None = None
    card: str | None = None
    raylet: str | None = None


UNPLACED = Placement()
"""Of a trial without a prediction."""


@dataclass(frozen=True, kw_only=True)
class StudyFacts(CorpusStamp):
    """What is the same in every trial's row of a study: its corpus, and two more.

    Attributes:
        mode: Fidelity, "quick" or "full".
        val_images: Size of the frozen validation set.
        rate: What the study's ratio counts, one of models.registry.RATES.
    """

    mode: str
    val_images: int
    rate: str = "elements"


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
        known_epochs: Epochs that were reported to the search, from which the trial continues.
        placement: What is reserved for it.
        label: What its name ends in; None for its number.
        attempt: Number of this attempt at the trial, higher than those of all attempts before it.
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
    attempt: int = 0

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

    def value_of(self, dimension: str) -> Value:
        """Return the value of a searched dimension, wherever it is kept."""
        holder = self.model if hasattr(self.model, dimension) else self.train
        value: Value = getattr(holder, dimension)
        return value

    @property
    def rate_target_bpp(self) -> float | None:
        """Bits per pixel that its model is trained for; None where nothing is quantised."""
        return self.model.target_bpp if self.model.rate == "bytes" else None

    @property
    def values(self) -> dict[str, Value]:
        """The value of every dimension, searched or not."""
        return {name: self.value_of(name) for name in DIMENSIONS}
