"""Records of trials that never ran, a study's folder, and a tiny corpus that is only read."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.epoch_result import EpochResult
from models.training.objective import OBJECTIVES
from models.training.precision import PLAIN
from tests.tiny_corpus import build_tiny_corpus
from tune.config.machine import Machine
from tune.config.resolve import resolve
from tune.config.search import write_config
from tune.outcomes import Outcome
from tune.space.points import Suggestion
from tune.storage.folder import StudyFolder, create_study_folder
from tune.storage.history import Budget
from tune.storage.journal import StudyJournal
from tune.storage.recorder import Recorder
from tune.study.plan import plan_study
from tune.trial.clock import Moment, StudyClock
from tune.trial.record import TrialRecord
from tune.trial.session import open_corpus
from tune.trial.spec import DataSpec, StudyFacts, TrialSpec


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
    return StudyFacts(True, "tiny", "0" * 16, "1" * 16, mode="quick", val_images=8)


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
    return build_tiny_corpus(tmp_path_factory.mktemp("corpora") / "tiny")


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
        objective: str = "psnr",
    ) -> TrialRecord:
        spec = TrialSpec(
            study="baseline_quick_c16_cr16x_20260101_000000",
            number=number,
            model=ModelConfig("baseline", 16, base_channels),
            train=TrainConfig(learning_rate=learning_rate, epochs=10, objective=objective),
            data=DataSpec("corpus", 64, 0.05, 8, 0, "0" * 16, "1" * 16),
            device="cpu",
            proposed_by=proposed_by,
            checkpoint=None if checkpoint is None else str(checkpoint),
        )
        epochs = [epoch_result(i, score) for i, score in enumerate(scores_db, start=1)]
        if objective != "psnr":  # the scores are its own, the best epoch has the lowest PSNR
            column = OBJECTIVES[objective].column
            epochs = [
                replace(epoch, val_psnr_db=20.0 - score, **{column: score})
                for epoch, score in zip(epochs, scores_db, strict=True)
            ]
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


@pytest.fixture
def make_search(tiny_corpus, make_epoch):
    """Write a search with these scores, the hand-set trial first; a shorter list is unfinished.

    A trial has one epoch, or those of a list of scores.
    """

    def make(
        *scores_db: float | Sequence[float],
        arch: str = "baseline",
        ratio: int = 16,
        trials: int | None = None,
        second: int = 0,
        **flags: Any,
    ) -> StudyFolder:
        flags = {"data": str(tiny_corpus), "crop_px": 32, "epochs": 4, "batch_size": 8} | flags
        flags |= {"arch": arch, "ratio": ratio, "trials": trials or len(scores_db)}
        flags |= {"precision": "fp32"}
        (resolved,) = resolve(flags, {}, Machine("cpu", 2))
        moment = datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC)
        config = resolved.config
        manifest = json.dumps({"created_at": moment.isoformat()})
        folder = create_study_folder(
            config, {"study.toml": write_config(config), "manifest.json": manifest}, moment
        )
        plan = plan_study(resolved, open_corpus(str(tiny_corpus)))
        journal = StudyJournal.create(folder.journal, folder.name)
        journal.set_budget(Budget(config.trials, None))
        stamp = asdict(plan.corpus.info.stamp)
        facts = StudyFacts(**stamp, mode="quick", val_images=plan.val_images)
        recorder = Recorder(folder, facts, journal, StudyClock())
        for number, scored in enumerate(scores_db):
            curve_db = [scored] if isinstance(scored, float | int) else scored
            values = {"learning_rate": 1e-4 * (1 + number), "warmup_epochs": 3}
            who = "searcher" if number else "hand_set"
            journal.study.ask()
            recorder.begin(plan.trial_spec(Suggestion(number, who, values), PLAIN, folder))
            for epoch, score_db in enumerate(curve_db, start=1):
                recorder.add_epoch(number, make_epoch(epoch, score_db, epoch == len(curve_db)))
            recorder.end(number, Outcome.COMPLETED, None)
        recorder.flush()
        return folder

    return make
