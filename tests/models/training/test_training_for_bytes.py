"""Training for bytes: every epoch at its rate, resumed bit for bit, refusals in a sentence."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch

from models.coding.linear import fit_block_klt
from models.errors import ModelError
from models.registry import ModelConfig
from models.training.checkpoint import load_checkpoint, save_checkpoint
from models.training.config import TrainConfig
from models.training.epoch_result import EpochResult
from models.training.linear_start import LinearStart
from models.training.loop import train_epochs
from models.training.rate_control import PLAUSIBLE
from models.training.session import TrainingSession

pytestmark = pytest.mark.slow

LINEAR = ModelConfig("linear", ratio=16, base_channels=1, latent_channels=24, rate="bytes")
BASELINE = ModelConfig(
    "baseline", ratio=16, base_channels=4, dropout=0.1, linear_path=True, rate="bytes"
)
WITHOUT_PATH = replace(BASELINE, linear_path=False)
CONFIG = TrainConfig(learning_rate=1e-3, epochs=3, warmup_epochs=1, batch_size=4, patience=10)

every_model = pytest.mark.parametrize(
    "model", [LINEAR, BASELINE, WITHOUT_PATH], ids=["linear", "baseline", "without_path"]
)


@dataclass(frozen=True)
class Fields:
    """Batches of smooth random fields with some texture, in [0, 1]."""

    seed: int = 0
    num_batches: int = 2
    side_px: int = 32

    def epoch(self, epoch: int) -> Iterator[np.ndarray]:
        random = np.random.default_rng([self.seed, epoch])
        for _ in range(self.num_batches):
            noise = random.random((4, 1, self.side_px + 8, self.side_px + 8))
            sums = noise.cumsum(2).cumsum(3)
            smooth = sums[..., 8:, 8:] - sums[..., :-8, 8:] - sums[..., 8:, :-8]
            fields = (smooth + sums[..., :-8, :-8]) / 64
            texture = random.random(fields.shape) - 0.5
            yield (0.5 + 4 * (fields - 0.5) + 0.1 * texture).clip(0, 1).astype(np.float32)


FIELDS = Fields()
MORE_FIELDS = Fields(num_batches=4)
VAL = Fields(seed=1)


@cache
def start() -> LinearStart:
    patches = np.concatenate(list(Fields(num_batches=32).epoch(0)))[:, 0]
    klt = fit_block_klt(patches, 256)
    return LinearStart(klt.mean, klt.basis, klt.variances, num_blocks=4 * len(patches))


def make_session(
    model: ModelConfig = LINEAR, config: TrainConfig = CONFIG, train: Fields = FIELDS
) -> TrainingSession:
    return TrainingSession(model, config, train, VAL, start=start())


def run(session: TrainingSession) -> list[EpochResult]:
    return [without_times(result) for result in train_epochs(session)]


def without_times(result: EpochResult) -> EpochResult:
    return replace(result, train_s=0, val_s=0, samples_per_s=0, measured_peak_mib=0)


def untrained(model: ModelConfig, config: TrainConfig = CONFIG) -> EpochResult:
    """The score of the start: of a training that does not move."""
    (result,) = run(make_session(model, replace(config, learning_rate=1e-12, epochs=1)))
    return result


@every_model
@pytest.mark.parametrize("learning_rate", [1e-4, 1e-3, 1e-2])
def test_every_epoch_is_scored_at_the_target_rate(model, learning_rate):
    results = run(make_session(model, replace(CONFIG, learning_rate=learning_rate)))
    assert [r.rate_bpp for r in results] == pytest.approx([0.5] * 3, rel=0.01)
    assert {r.rate_target_bpp for r in results} == {0.5}


@pytest.mark.parametrize("latent_channels", [16, 32, 64, 256])
def test_the_rate_does_not_depend_on_the_number_of_channels(latent_channels):
    results = run(make_session(replace(LINEAR, latent_channels=latent_channels)))
    assert [r.rate_bpp for r in results] == pytest.approx([0.5] * 3, rel=0.01)


@pytest.mark.parametrize("ratio", [4, 8, 16, 32, 64])
def test_the_rate_is_eight_bits_over_the_ratio(ratio):
    model = replace(LINEAR, ratio=ratio, latent_channels=64)
    results = run(make_session(model, replace(CONFIG, epochs=2)))
    assert [r.rate_bpp for r in results] == pytest.approx([8 / ratio] * 2, rel=0.01)


@pytest.mark.parametrize(
    "options",
    [
        {"score_weights": "live"},
        {"precision": "bf16", "channels_last": True},
        {"micro_batch": 2},
        {"ssim_weight": 0.0},
        {"mse_weight": 0.0},
    ],
    ids=str,
)
def test_the_rate_is_met_however_it_is_trained(options):
    results = run(make_session(BASELINE, replace(CONFIG, epochs=2, **options)))
    assert [r.rate_bpp for r in results] == pytest.approx([0.5] * 2, rel=0.01)


def test_the_scored_rate_is_that_of_the_scored_model():
    session = make_session()
    *_, result = run(session)
    model = session.scored_model()
    x = torch.from_numpy(np.concatenate(list(VAL.epoch(1))))
    with torch.no_grad():
        quantised = model.rate_model.quantise(model.encode(x))
        bits = model.rate_model.bits(quantised).sum().item()
        errors = (model.decode(quantised) - x).square().mean((1, 2, 3))
    assert bits / x.numel() == pytest.approx(result.rate_bpp, rel=1e-5)
    assert errors.mean().item() == pytest.approx(result.val_mse, rel=1e-5)


@every_model
def test_the_loss_of_an_epoch_weighs_the_rate_by_its_multiplier(model):
    for r in run(make_session(model)):
        distortion = 0.5 * r.val_mse + 0.5 * (1 - r.val_ssim)
        assert r.val_loss == pytest.approx(distortion + r.multiplier * r.rate_bpp, rel=1e-5)


@every_model
def test_multipliers_are_of_the_order_of_a_gaussians_slope(model):
    for r in run(make_session(model)):
        gaussian = 2 * math.log(2) * (0.5 * r.val_mse + 0.5 * (1 - r.val_ssim))
        assert gaussian / (2 * PLAUSIBLE) < r.multiplier < 2 * PLAUSIBLE * gaussian


@pytest.mark.parametrize("model", [LINEAR, BASELINE], ids=["linear", "baseline"])
def test_psnr_rises_over_that_of_the_start(model):
    """Asked for nothing else, and steered gently: the block KLT is a hard start to better."""
    config = replace(CONFIG, learning_rate=3e-4, epochs=16, mse_weight=1.0, ssim_weight=0.0)
    *_, last = run(make_session(model, config, MORE_FIELDS))
    assert last.val_psnr_db > untrained(model, config).val_psnr_db + 0.05


def test_a_network_without_a_path_learns_at_its_rate():
    config = replace(CONFIG, learning_rate=3e-3, epochs=24, warmup_epochs=0, patience=24)
    *_, last = run(make_session(WITHOUT_PATH, config, MORE_FIELDS))
    assert last.val_loss < 0.8 * untrained(WITHOUT_PATH).val_loss
    assert last.rate_bpp == pytest.approx(0.5, rel=0.01)


def test_more_channels_than_pay_do_not_harm_the_start():
    """The steps grow by a little and what lies under them costs next to nothing."""
    few, many = (untrained(replace(LINEAR, latent_channels=c)) for c in (32, 256))
    assert many.val_psnr_db > few.val_psnr_db - 0.5


@every_model
def test_live_and_averaged_weights_have_the_scored_steps(model):
    session = make_session(model)
    for _ in train_epochs(session):
        live, average = session.model.rate_model, session.average.model.rate_model
        assert torch.equal(live.log_scale, average.log_scale)


@every_model
@pytest.mark.parametrize("score_weights", ["ema", "live"])
def test_resume_at_any_epoch_repeats_the_run_bit_for_bit(model, score_weights):
    config = replace(CONFIG, score_weights=score_weights)
    session = make_session(model, config)
    whole, states = [], []
    for result in train_epochs(session):
        whole.append(without_times(result))
        states.append(copy.deepcopy(session.state_dict()))
    for epoch, state in enumerate(states, start=1):
        resumed = make_session(model, config)
        resumed.load_state_dict(state)
        assert run(resumed) == whole[epoch:]


def test_a_run_continued_from_a_file_equals_the_uninterrupted_one(tmp_path):
    session = make_session()
    epochs = train_epochs(session)
    next(epochs)
    save_checkpoint(tmp_path / "last.pt", session, {})
    expected = [without_times(result) for result in epochs]
    checkpoint = load_checkpoint(tmp_path / "last.pt")
    resumed = make_session(checkpoint.model_config, checkpoint.train_config)
    resumed.load_state_dict(checkpoint.state)
    assert run(resumed) == expected


def test_same_seed_gives_the_same_results_and_another_seed_others():
    other = run(make_session(config=replace(CONFIG, seed=1)))
    first, second = run(make_session()), run(make_session())
    assert first == second
    assert first != other


def test_training_leaves_the_global_generators_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    run(make_session(config=replace(CONFIG, epochs=1)))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["linear", "baseline"])
def test_a_checkpoint_without_rate_model_is_refused(name):
    for_bytes = replace(LINEAR if name == "linear" else BASELINE, latent_channels=16)
    for_elements = make_session(replace(for_bytes, rate="elements"))
    session = make_session(for_bytes)
    before = copy.deepcopy(session.state_dict())
    rule = "keeps its rate model in its checkpoint, found one without it: take a checkpoint"
    with pytest.raises(ModelError, match=rule):
        session.load_state_dict(for_elements.state_dict())
    assert session.epoch == 0
    assert all(torch.equal(v, before["model"][k]) for k, v in session.model.state_dict().items())


@pytest.mark.parametrize("rate", ["elements", "bytes"])
@pytest.mark.parametrize("arch", ["linear", "baseline"])
def test_a_linear_path_without_a_start_is_refused(arch, rate):
    model = ModelConfig(arch, 16, 4, linear_path=True, rate=rate)
    with pytest.raises(ModelError, match="starts from the block KLT of its corpus, found none"):
        TrainingSession(model, CONFIG, Fields(), VAL)


def test_a_start_from_fewer_blocks_than_channels_is_refused():
    few = replace(start(), num_blocks=23)
    with pytest.raises(ModelError, match=r"KLT of 24 coefficients .*found 23"):
        TrainingSession(LINEAR, CONFIG, Fields(), VAL, start=few)


def test_without_a_path_no_start_is_asked_for():
    (result,) = run(TrainingSession(WITHOUT_PATH, replace(CONFIG, epochs=1), Fields(), VAL))
    assert result.rate_bpp == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("linear_path", [False, True])
def test_elements_have_neither_rate_nor_multiplier(linear_path):
    model = ModelConfig("baseline", 16, 4, linear_path=linear_path)
    for result in run(make_session(model)):
        assert (result.rate_bpp, result.rate_target_bpp, result.multiplier) == (None, None, None)


def test_a_linear_model_for_elements_starts_as_the_block_klt():
    model = ModelConfig("linear", 16, 1)
    patches = np.concatenate(list(VAL.epoch(1)))
    klt = fit_block_klt(np.concatenate(list(Fields(num_batches=32).epoch(0)))[:, 0], 16)
    errors = np.square(klt.reconstruct(patches[:, 0]).clip(0, 1) - patches[:, 0])
    expected = (-10 * np.log10(errors.mean((1, 2)))).mean()
    assert untrained(model).val_psnr_db == pytest.approx(expected, abs=0.01)


def test_path_and_rate_model_do_not_decay():
    session = make_session(BASELINE)
    names = {id(p): n for n, p in session.model.named_parameters()}
    decaying, free = session.optimizer.param_groups
    assert not any(names[id(p)].startswith(("path.", "rate_model.")) for p in decaying["params"])
    assert "join.weight" in {names[id(p)] for p in decaying["params"]}
    assert len(decaying["params"]) + len(free["params"]) == len(names)
