"""Whether training on a card computes what it computes on the CPU, and the same every time.

`python -m benchmarks.on_card` runs these on the card, and on the CPU in a rehearsal.
"""

import copy
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.autocast import bf16_autocast
from models.footprint.calibration import calibrate, measure_on_cuda
from models.footprint.predict import predict_footprint
from models.networks.autoencoder import Autoencoder
from models.registry import ModelConfig, build_model
from models.training.config import TrainConfig
from models.training.epoch_result import EpochResult, NonFiniteError
from models.training.linear_start import ANY_START
from models.training.loop import train_epochs
from models.training.precision import repeat_exactly
from models.training.session import TrainingSession

ON_CPU = "SAR_TUNE_GPU_TESTS_ON_CPU" in os.environ
DEVICE = "cpu" if ON_CPU else "cuda"

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not ON_CPU and not torch.cuda.is_available(), reason="needs a CUDA device"),
]
every_network = pytest.mark.parametrize("arch", ["baseline", "resnet", "residual", "attention"])
every_model = pytest.mark.parametrize(
    "arch", ["baseline", "resnet", "residual", "attention", "linear"]
)

BATCH_SIZE = 8
CONFIG = TrainConfig(
    epochs=3, warmup_epochs=1, batch_size=BATCH_SIZE, learning_rate=1e-3, patience=10
)


@pytest.fixture(autouse=True, scope="module")
def as_in_a_worker() -> Iterator[None]:
    """Kernels that repeat themselves, on a card; torch as it was, afterwards."""
    if ON_CPU:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)
        return
    allowed = torch.backends.cudnn.allow_tf32
    repeat_exactly()
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.allow_tf32 = allowed


@dataclass(frozen=True)
class Batches:
    """Batches of noise; in one epoch, one of them may have a NaN."""

    num_batches: int = 3
    poisoned_epoch: int = 0
    crop_px: int = 32

    def epoch(self, epoch: int) -> Iterator[NDArray[np.float32]]:
        random = np.random.default_rng(epoch)
        for index in range(self.num_batches):
            shape = (BATCH_SIZE, 1, self.crop_px, self.crop_px)
            batch = random.random(shape, dtype=np.float32)
            if epoch == self.poisoned_epoch and index == 1:
                batch[0, 0, 0, 0] = math.nan
            yield batch


def network(arch: str) -> Autoencoder:
    """A model with a linear path, whose network takes part from the first step."""
    model = build_model(ModelConfig(arch, 16, 16, linear_path=True), seed=0)
    assert model.path is not None
    ANY_START.apply(model.path)
    generator = torch.Generator().manual_seed(0)
    for layer in (model.join, model.head):
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            with torch.no_grad():
                layer.weight.normal_(0, 0.1, generator=generator)
    return model.train()


def step(model: Autoencoder, images: Tensor, *, is_bf16: bool = False) -> tuple[Tensor, Tensor]:
    """The reconstructions and all gradients of their squared error, a vector each, on the CPU."""
    model.zero_grad(set_to_none=True)
    with bf16_autocast(images, is_bf16=is_bf16):
        x_hat, _ = model(images)
    torch.autograd.backward((x_hat - images).square().mean())
    found = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return x_hat.detach().flatten().cpu().double(), torch.cat(found).cpu().double()


def images() -> Tensor:
    return torch.rand(BATCH_SIZE, 1, 64, 64, generator=torch.Generator().manual_seed(1))


def relative_error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@every_network
def test_a_step_in_fp32_is_that_of_the_cpu_in_double_precision(arch):
    model = network(arch)
    expected = step(copy.deepcopy(model).double(), images().double())
    found = step(model.to(DEVICE), images().to(DEVICE))
    assert relative_error(found[0], expected[0]) < 1e-3
    assert relative_error(found[1], expected[1]) < 1e-3


@every_network
def test_a_step_in_bf16_is_as_close_to_double_precision_as_that_of_the_cpu(arch):
    # Bf16 turns rectifiers around: on a CPU, gradients of ResNet are 8 % off, others up to 2 %.
    model = network(arch)
    expected = step(copy.deepcopy(model).double(), images().double())
    on_cpu = step(copy.deepcopy(model), images(), is_bf16=True)
    found = step(model.to(DEVICE), images().to(DEVICE), is_bf16=True)
    for ours, theirs, exact in zip(found, on_cpu, expected, strict=True):
        assert relative_error(ours, exact) < 1e-2 + relative_error(theirs, exact)


@every_network
def test_channels_last_gives_the_same_gradients(arch):
    model, x = network(arch).to(DEVICE), images().to(DEVICE)
    _, expected = step(copy.deepcopy(model), x)
    last = torch.channels_last
    _, found = step(model.to(memory_format=last), x.to(memory_format=last))
    assert relative_error(found, expected) < 1e-3  # one rectifier turned around is 3e-4


def test_micro_batches_give_the_same_gradients():
    # In evaluation, where a batch norm does not look at the batch.
    model, x = network("residual").eval().to(DEVICE), images().to(DEVICE)
    _, expected = step(model, x)
    parts = [step(model, part)[1] for part in x.split(2)]
    assert relative_error(torch.stack(parts).mean(0), expected) < 1e-4


def session(arch: str, precision: str = "fp32", train: Batches | None = None) -> TrainingSession:
    model = ModelConfig(arch, 16, 8, latent_channels=32, linear_path=True, rate="bytes")
    config = replace(CONFIG, precision=precision, channels_last=precision == "bf16")
    return TrainingSession(model, config, train or Batches(), Batches(1), DEVICE, ANY_START)


def without_times(result: EpochResult) -> EpochResult:
    return replace(result, train_s=0, val_s=0, samples_per_s=0, measured_peak_mib=0)


@every_model
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_same_seed_gives_the_same_losses_also_across_a_resume(arch, precision):
    whole = [without_times(result) for result in train_epochs(session(arch, precision))]
    first, second = session(arch, precision), session(arch, precision)
    epochs = train_epochs(first)
    begun = [without_times(next(epochs))]
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    assert begun + [without_times(result) for result in train_epochs(second)] == whole
    assert whole[-1].rate_bpp == pytest.approx(whole[-1].rate_target_bpp, rel=0.01)


@pytest.mark.skipif(ON_CPU, reason="a CPU needs no calibration")
@every_network
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_calibration_holds_for_another_width_and_batch(tmp_path, arch, precision):
    name, is_last = torch.cuda.get_device_name(), precision == "bf16"
    model = ModelConfig(arch, 16, 24, latent_channels=64, linear_path=True, rate="bytes")
    found = calibrate(tmp_path, name, model, 64, precision, is_last, measure_on_cuda)
    predicted = predict_footprint(model, 64, 8, precision, calibration=found)
    measured = measure_on_cuda(model, 64, 8, precision, is_last)
    assert predicted.allocated_mib == pytest.approx(measured.allocated_mib, rel=0.1)


@every_network
def test_a_nan_ends_a_trial_at_the_epoch_it_happens(arch):
    epochs = train_epochs(session(arch, train=Batches(poisoned_epoch=2)))
    next(epochs)
    with pytest.raises(NonFiniteError) as error:
        next(epochs)
    assert error.value.epoch == 2
