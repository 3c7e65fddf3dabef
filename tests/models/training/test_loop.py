import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn

from models.errors import ModelError
from models.registry import ModelConfig
from models.training import loop as training
from models.training import session as sessions
from models.training import validation
from models.training.config import TrainConfig
from models.training.ema import WeightAverage
from models.training.epoch_result import EpochResult, NonFiniteError
from models.training.loop import train_epochs
from models.training.session import EarlyStopping, TrainingSession, build_optimizer

pytestmark = pytest.mark.slow

MODEL = ModelConfig("baseline", ratio=16, base_channels=4, dropout=0.1)
CONFIG = TrainConfig(
    learning_rate=1e-3, epochs=4, warmup_epochs=1, batch_size=4, patience=10, gradient_clip=1.0
)


@dataclass(frozen=True)
class Ramps:
    """Batches of smooth ramps; poison maps (epoch, batch) to a value put into one pixel."""

    poison: tuple[int, int, float] | None = None
    num_batches: int = 3
    seed: int = 0

    def epoch(self, epoch: int) -> Iterator[np.ndarray]:
        random = np.random.default_rng([self.seed, epoch])
        y, x = np.mgrid[:16, :16] / 16
        for index in range(self.num_batches):
            slopes = random.random((4, 2, 1, 1))
            images = (slopes[:, :1] * x + slopes[:, 1:] * y).astype(np.float32) / 2
            if self.poison and (epoch, index) == self.poison[:2]:
                images[0, 0, 0, 0] = self.poison[2]
            yield images


def make_session(config: TrainConfig = CONFIG, train=None, val=None) -> TrainingSession:
    return TrainingSession(MODEL, config, train or Ramps(), val or Ramps(seed=1, num_batches=1))


def without_times(result: EpochResult) -> EpochResult:
    return replace(result, train_s=0, val_s=0, samples_per_s=0, measured_peak_mib=0)


def run(session: TrainingSession) -> list[EpochResult]:
    return [without_times(result) for result in train_epochs(session)]


class PlainNet(nn.Module):
    """No norm and no dropout: the loss of a batch is the mean over its images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.path = self.rate_model = None

    def encode(self, x):
        return self.conv(x)

    def decode(self, latent):
        return torch.sigmoid(latent)


@pytest.fixture
def plain_net(monkeypatch):
    def build(config, *, seed):
        torch.manual_seed(seed)
        return PlainNet()

    monkeypatch.setattr(sessions, "build_model", build)


def test_epochs_count_from_one_to_the_last_which_says_so():
    results = run(make_session())
    assert [r.epoch for r in results] == [1, 2, 3, 4]
    assert [r.is_last for r in results] == [False, False, False, True]
    assert results[0].num_samples == 12


def test_training_lowers_the_loss():
    results = run(make_session(replace(CONFIG, epochs=15)))
    assert results[-1].val_loss < results[0].val_loss


@pytest.mark.parametrize("schedule", ["plateau", "cosine", "one_cycle", "triangular2"])
def test_resume_at_any_epoch_repeats_the_run_bit_for_bit(schedule):
    config = replace(CONFIG, schedule=schedule)
    session = make_session(config)
    whole, states = [], []
    for result in train_epochs(session):
        whole.append(without_times(result))
        states.append(copy.deepcopy(session.state_dict()))
    for epoch, state in enumerate(states, start=1):
        resumed = make_session(config)
        resumed.load_state_dict(state)
        assert resumed.epoch == epoch
        assert run(resumed) == whole[epoch:]


def test_same_seed_gives_the_same_losses_and_another_seed_others():
    first, second = run(make_session()), run(make_session())
    other = run(make_session(replace(CONFIG, seed=1)))
    assert first == second
    assert first != other


def test_training_leaves_the_global_generators_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(make_session(replace(CONFIG, epochs=1)))
    assert torch.equal(torch.rand(3), expected)


def test_val_scores_are_per_image_means_of_the_averaged_weights():
    session = make_session(replace(CONFIG, epochs=1, warmup_epochs=0))
    (result,) = run(session)
    x = torch.from_numpy(next(Ramps(seed=1, num_batches=1).epoch(1)))
    with torch.no_grad():
        x_hat, _ = session.average.model(x)
        errors = ((x_hat - x) ** 2).mean((1, 2, 3))
    assert session.scored_model() is session.average.model
    assert result.val_mse == pytest.approx(errors.mean().item(), rel=1e-5)
    assert result.val_psnr_db == pytest.approx((-10 * errors.log10()).mean().item(), rel=1e-5)


def test_live_weights_are_scored_when_asked():
    session = make_session(replace(CONFIG, score_weights="live"))
    assert session.scored_model() is session.model


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("epoch", [1, 3])
def test_non_finite_training_ends_in_its_epoch_with_the_epoch_named(epoch, value):
    epochs = train_epochs(make_session(train=Ramps(poison=(epoch, 1, value))))
    assert [next(epochs).epoch for _ in range(epoch - 1)] == list(range(1, epoch))
    with pytest.raises(NonFiniteError) as error:
        next(epochs)
    assert error.value.epoch == epoch
    assert error.value.quantity == "train loss"
    assert not math.isfinite(error.value.value)


def test_no_update_is_made_from_a_non_finite_loss():
    session = make_session(train=Ramps(poison=(1, 0, math.nan)))
    before = copy.deepcopy(session.model.state_dict()["head.weight"])
    with pytest.raises(NonFiniteError):
        next(train_epochs(session))
    assert torch.equal(session.model.state_dict()["head.weight"], before)


def test_non_finite_validation_is_an_error_and_not_a_skipped_batch():
    with pytest.raises(NonFiniteError, match="val loss is nan in epoch 1"):
        run(make_session(val=Ramps(poison=(1, 0, math.nan))))


def test_non_finite_gradient_of_a_finite_loss_is_an_error(plain_net):
    session = make_session()
    session.model.conv.bias.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(NonFiniteError, match="gradient norm"):
        next(train_epochs(session))


@pytest.mark.parametrize("micro_batch", [1, 2, 3, 4])
def test_micro_batches_give_the_gradient_of_the_whole_batch(plain_net, micro_batch):
    config = replace(CONFIG, warmup_epochs=0, epochs=1)
    whole = make_session(config)
    split = make_session(replace(config, micro_batch=micro_batch))
    run(whole)
    run(split)
    for a, b in zip(whole.model.parameters(), split.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("micro_batch", [1, 3])
def test_validation_in_micro_batches_scores_as_in_whole_batches(micro_batch):
    whole = make_session()
    split = make_session(replace(CONFIG, micro_batch=micro_batch))
    split.load_state_dict(whole.state_dict())
    scores, same = (training._validate(session, 1) for session in (whole, split))
    assert same[:4] == pytest.approx(scores[:4], rel=1e-6)
    assert same.num_images == scores.num_images


def test_validation_sees_no_gradients_and_at_most_a_micro_batch(monkeypatch):
    session = make_session(replace(CONFIG, micro_batch=2, score_weights="live"))
    measure, sizes = validation.reconstruction_loss, []

    def note(x_hat, x, *weights):
        sizes.append(len(x))
        assert not session.model.training
        assert all(p.grad is None for p in session.model.parameters())
        return measure(x_hat, x, *weights)

    monkeypatch.setattr(validation, "reconstruction_loss", note)
    next(train_epochs(session))
    assert sizes == [2, 2]


def test_reported_norm_is_of_the_gradient_before_clipping(plain_net):
    free = run(make_session(replace(CONFIG, epochs=1, gradient_clip=0)))
    clipped = make_session(replace(CONFIG, epochs=1, gradient_clip=1e-3))
    first_batch = Ramps(num_batches=1)
    clipped.train = first_batch
    norms = []

    def note_norm(*_):
        gradients = [p.grad.flatten() for p in clipped.model.parameters()]
        norms.append(torch.cat(gradients).norm().item())

    clipped.optimizer.register_step_pre_hook(note_norm)
    (result,) = run(clipped)
    assert result.gradient_norm > 1e-3
    assert norms == pytest.approx([1e-3], rel=1e-3)
    assert free[0].gradient_norm > 1e-3


def test_learning_rate_of_the_last_step_is_reported():
    results = run(make_session(replace(CONFIG, warmup_epochs=2)))
    expected = [1e-3 * (0.1 + 0.9 * step / 6) for step in (2, 5)] + [1e-3, 1e-3]
    assert [r.learning_rate for r in results] == pytest.approx(expected)


def test_norms_and_biases_do_not_decay():
    model = make_session().model
    decaying, free = build_optimizer(model, CONFIG).param_groups
    assert decaying["weight_decay"] == CONFIG.weight_decay
    assert free["weight_decay"] == 0
    assert {p.ndim for p in free["params"]} == {1}
    assert len(decaying["params"]) + len(free["params"]) == len(list(model.parameters()))


def test_an_equal_score_is_no_improvement():
    stopping = EarlyStopping()
    for psnr_db in (20.0, 20.0, 19.0):
        stopping.observe(psnr_db)
    assert stopping == EarlyStopping(best_score=20.0, epochs_since_best=2)


@pytest.mark.parametrize(("patience", "num_epochs"), [(1, 2), (2, 3), (5, 6), (6, 6)])
def test_stops_when_patience_epochs_have_passed_without_improvement(
    patience, num_epochs, monkeypatch
):
    # Validation of a model that never changes: the first epoch is the best.
    monkeypatch.setattr(WeightAverage, "update", lambda self: None)
    session = make_session(replace(CONFIG, epochs=6, patience=patience))
    results = run(session)
    assert len(results) == num_epochs
    assert results[-1].is_last
    assert run(session) == []


def test_triangular2_waits_for_the_foot_of_its_triangle(monkeypatch):
    monkeypatch.setattr(WeightAverage, "update", lambda self: None)
    config = replace(CONFIG, epochs=10, warmup_epochs=0, patience=1, schedule="triangular2")
    # Ten epochs are five half triangles of two: feet at the end of epochs 2, 6 and 10.
    late = replace(config, patience=2)
    assert len(run(make_session(config))) == 2
    assert len(run(make_session(late))) == 6


def test_bf16_autocast_trains_and_scores_in_fp32_range():
    config = replace(CONFIG, epochs=1, precision="bf16", channels_last=True)
    (result,) = run(make_session(config))
    assert 0 < result.val_loss < 1


def test_channels_last_changes_the_layout_and_hardly_the_losses():
    plain, last = make_session(), make_session(replace(CONFIG, channels_last=True))
    assert run(last)[-1].val_loss == pytest.approx(run(plain)[-1].val_loss, rel=1e-2)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("epochs", 0),
        ("patience", 0),
        ("batch_size", 0),
        ("warmup_epochs", -1),
        ("warmup_epochs", 21),
        ("weight_decay", -1e-5),
        ("gradient_clip", -1.0),
        ("mse_weight", -0.5),
        ("micro_batch", 0),
        ("micro_batch", 17),
        ("schedule", "onecycle"),
        ("precision", "fp16"),
        ("score_weights", "best"),
    ],
)
def test_impossible_settings_are_refused_by_name_and_value(field, value):
    with pytest.raises(ModelError, match=rf"{field} .*{value}"):
        TrainConfig(**{field: value})


def test_a_loss_of_nothing_is_refused():
    with pytest.raises(ModelError, match="must not both be 0"):
        TrainConfig(mse_weight=0, ssim_weight=0)


@pytest.mark.parametrize("warmup_epochs", [0, 19, 20])
def test_warmup_may_last_as_long_as_the_run(warmup_epochs):
    assert TrainConfig(warmup_epochs=warmup_epochs, epochs=20).warmup_epochs == warmup_epochs
