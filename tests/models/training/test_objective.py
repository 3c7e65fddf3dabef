"""What trainings are judged by: the score of an epoch that is taken, and how it is written."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.errors import ModelError
from models.metrics.ms_ssim import MIN_SIDE_PX, ms_ssim
from models.registry import ModelConfig
from models.training.config import TrainConfig
from models.training.epoch_sums import EpochSums
from models.training.loop import train_epochs
from models.training.objective import MIN_MS_SSIM_PX, OBJECTIVES
from models.training.session import TrainingSession

CONFIG = TrainConfig(epochs=1, warmup_epochs=0, batch_size=2)


class Noise:
    """One batch of two images."""

    num_batches = 1

    def __init__(self, side_px: int) -> None:
        self.images = np.random.default_rng(0).random((2, 1, side_px, side_px), np.float32)

    def epoch(self, epoch):
        yield self.images


def session_of(objective: str, side_px: int) -> TrainingSession:
    source = Noise(side_px)
    config = replace(CONFIG, objective=objective)
    return TrainingSession(ModelConfig("baseline", 16, 4), config, source, source)


def test_the_least_side_is_that_of_the_metric():
    assert MIN_MS_SSIM_PX == MIN_SIDE_PX


@pytest.mark.parametrize(
    ("name", "label", "text", "signed"),
    [
        ("psnr", "val PSNR dB", "21.26 dB", "+21.26 dB"),
        ("ssim", "val SSIM", "21.2571", "+21.2571"),
        ("ms_ssim", "val MS-SSIM", "21.2571", "+21.2571"),
    ],
)
def test_a_score_is_written_with_its_name_and_unit(name, label, text, signed):
    objective = OBJECTIVES[name]
    written = (objective.label, objective.text(21.25714), objective.signed(21.25714))
    assert written == (label, text, signed)


def test_an_unknown_objective_is_refused():
    with pytest.raises(ModelError, match="objective must be one of psnr, ssim, ms_ssim, found"):
        replace(CONFIG, objective="vmaf")


@pytest.mark.parametrize("name", ["psnr", "ssim"])
def test_patience_goes_by_the_objective(name):
    session = session_of(name, 32)
    (result,) = train_epochs(session)
    assert session.early_stopping.best_score == OBJECTIVES[name].of(result)


def test_a_checkpoint_from_before_there_were_objectives_keeps_its_patience():
    session = session_of("psnr", 32)
    old = {"best_psnr_db": 20.0, "epochs_since_best": 3}
    session.load_state_dict(session.state_dict() | {"early_stopping": old})
    assert vars(session.early_stopping) == {"best_score": 20.0, "epochs_since_best": 3}


def test_ms_ssim_is_taken_only_where_it_is_the_objective():
    (result,) = train_epochs(session_of("ssim", 32))
    assert result.val_ms_ssim is None
    with pytest.raises(ValueError, match="an epoch needs a val_ms_ssim, found none in epoch 1"):
        OBJECTIVES["ms_ssim"].of(result)


def test_the_ms_ssim_of_an_epoch_is_the_mean_over_its_images():
    session = session_of("ms_ssim", 176)
    (result,) = train_epochs(session)
    x = torch.from_numpy(session.train.images)
    with torch.inference_mode():
        model = session.scored_model()
        x_hat = model.decode(model.encode(x))
    each = [ms_ssim(one_hat[0], one[0]) for one_hat, one in zip(x_hat, x, strict=True)]
    assert result.val_ms_ssim == pytest.approx(np.mean(each), rel=1e-5)


def test_the_loss_is_not_changed_by_the_objective():
    losses = [next(train_epochs(session_of(name, 32))).train_loss for name in ("psnr", "ssim")]
    assert losses[0] == losses[1]


def test_images_without_ms_ssim_are_refused():
    small = torch.rand(1, 1, 160, 160)
    with pytest.raises(ModelError, match="MS-SSIM needs images of 161 px or more, found 160 px"):
        EpochSums(torch.device("cpu")).add_ms_ssim(small, small)
