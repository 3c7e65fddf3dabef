"""Records of trials that never ran, a study's folder, and a tiny corpus that is only read."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from data.calibration import Units
from data.plan import PrepareOptions
from data.synthetic import Recipe, build_synthetic_corpus
from models.registry import ModelConfig
from models.training import EpochResult, TrainConfig
from tune.clock import Moment
from tune.journal import StudyJournal
from tune.outcomes import Outcome
from tune.study import StudyFolder
from tune.trial import DataSpec, StudyFacts, TrialRecord, TrialSpec


def moment(elapsed_s: float) -> Moment:
    """A moment of a study that began at midnight."""
    return Moment(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=elapsed_s), elapsed_s)


def epoch_result(epoch: int, val_psnr_db: float, is_last: bool = False) -> EpochResult:
    """An epoch with a given score; everything else is plausible and constant."""
    return EpochResult(
        epoch=epoch,
        train_loss=0.2,
        train_mse=0.01,
        train_ssim=0.6,
        train_psnr_db=val_psnr_db + 0.5,
        val_loss=0.21,
        val_mse=0.011,
        val_ssim=0.59,
        val_psnr_db=val_psnr_db,
        learning_rate=1e-4,
        gradient_norm=0.3,
        train_s=1.0,
        val_s=0.2,
        num_samples=160,
        samples_per_s=160.0,
        measured_peak_mib=400.0,
        memory_method="rss_growth",
        is_last=is_last,
    )


@pytest.fixture
def make_epoch() -> Callable[..., EpochResult]:
    """Make an epoch from its number and score."""
    return epoch_result


@pytest.fixture
def study_facts() -> StudyFacts:
    """What the rows of a study on a synthetic corpus share."""
    return StudyFacts("quick", "tiny", True, "0" * 16, "1" * 16, val_images=8)


@pytest.fixture
def study_folder(tmp_path: Path) -> StudyFolder:
    """The folder of a new study, as `create_study_folder` leaves it."""
    folder = StudyFolder(tmp_path / "ray_results" / "study")
    folder.tables.mkdir(parents=True)
    folder.checkpoints.mkdir()
    return folder


@pytest.fixture
def journal(study_folder: StudyFolder) -> StudyJournal:
    """The journal of a new study."""
    return StudyJournal.create(study_folder.journal, "study")


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic corpus of 64 px patches from four small passes; read it only."""
    path = tmp_path_factory.mktemp("corpora") / "tiny"
    recipe = Recipe(num_passes=4, height_px=256, width_px=256)
    options = PrepareOptions(patch_px=64, units=Units.INTENSITY)
    build_synthetic_corpus(path, recipe, options, name="tiny")
    return path


@pytest.fixture
def make_record() -> Callable[..., TrialRecord]:
    """Make a trial's record from its scores and outcome."""

    def make(
        number: int = 0,
        scores_db: Sequence[float] = (),
        outcome: Outcome | None = Outcome.COMPLETED,
        reason: str | None = None,
        proposed_by: str = "searcher",
        learning_rate: float = 1e-4,
        base_channels: int = 8,
        checkpoint: Path | None = None,
    ) -> TrialRecord:
        spec = TrialSpec(
            study="baseline_quick_c16_cr16x_20260101_000000",
            number=number,
            model=ModelConfig("baseline", 16, base_channels),
            train=TrainConfig(learning_rate=learning_rate, epochs=10),
            data=DataSpec("corpus", 64, 0.05, 8, 0, "0" * 16, "1" * 16),
            device="cpu",
            proposed_by=proposed_by,
            checkpoint=None if checkpoint is None else str(checkpoint),
        )
        epochs = [epoch_result(i, score) for i, score in enumerate(scores_db, start=1)]
        heard = [moment(10.0 * epoch.epoch) for epoch in epochs]
        ended = None if outcome is None else moment(10.0 * len(epochs) + 1)
        started = None if outcome is Outcome.REJECTED else moment(0)
        return TrialRecord(
            spec,
            moment(0),
            epochs,
            heard,
            outcome=outcome,
            reason=reason,
            ended=ended,
            started=started,
        )

    return make
