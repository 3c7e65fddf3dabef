"""The linear path: at its start every model is the block KLT, and the network learns beside it."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from models.autocast import bf16_autocast
from models.coding.linear import fit_block_klt
from models.errors import ModelError
from models.footprint.weightless import build_weightless
from models.metrics.reconstruction import psnr_db_from_mse
from models.registry import ARCHITECTURES, ModelConfig, build_model, count_parameters
from models.shapes import RATIOS
from models.training.linear_start import LinearStart
from models.training.losses import LossWeights, training_loss

pytestmark = pytest.mark.slow

NETWORKS = [name for name, architecture in ARCHITECTURES.items() if architecture.has_network]
every_architecture = pytest.mark.parametrize("arch", list(ARCHITECTURES))
every_network = pytest.mark.parametrize("arch", NETWORKS)
every_ratio = pytest.mark.parametrize("ratio", RATIOS)


@cache
def patches():
    """Smoothed noise over all of [0, 1]: some of its reconstructions leave the interval."""
    noise = torch.rand(24, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    fields = nn.functional.interpolate(noise, size=(80, 80), mode="bilinear")
    fine = torch.rand(24, 1, 80, 80, generator=torch.Generator().manual_seed(1))
    return (1.6 * fields - 0.4 + 0.2 * fine).clamp(0, 1)[:, 0].numpy()


@cache
def start():
    klt = fit_block_klt(patches(), 256)
    return LinearStart(klt.mean, klt.basis, klt.variances, num_blocks=24 * 25)


def started_model(arch, ratio=16, **options):
    model = build_model(ModelConfig(arch, ratio, 4, linear_path=True, **options), seed=0)
    start().apply(model.path)
    return model


def psnr_db(x_hat):
    errors = np.square(x_hat.astype(np.float64) - patches()).mean(axis=(1, 2))
    return psnr_db_from_mse(torch.from_numpy(errors)).numpy()


@every_architecture
@every_ratio
@pytest.mark.parametrize("is_bf16", [False, True])
def test_at_its_start_a_model_is_the_clipped_block_klt(arch, ratio, is_bf16):
    model, x = started_model(arch, ratio).eval(), torch.from_numpy(patches()[:, None])
    with torch.no_grad(), bf16_autocast(x, is_bf16=is_bf16):
        x_hat, _ = model(x)
    klt = fit_block_klt(patches(), 256 // ratio)
    expected = klt.reconstruct(patches()).clip(0, 1)
    assert psnr_db(x_hat[:, 0].numpy()) == pytest.approx(psnr_db(expected), abs=0.01)


@every_architecture
def test_at_its_start_the_latent_is_the_coefficients(arch):
    x = patches()[:2]
    latent = started_model(arch).eval().encode(torch.from_numpy(x[:, None]))
    expected = fit_block_klt(patches(), 16).analyse(x)
    np.testing.assert_allclose(latent.detach().numpy(), expected, atol=1e-4)


@every_architecture
@pytest.mark.parametrize("rate", ["elements", "bytes"])
def test_gradient_reaches_every_parameter_beside_the_path(arch, rate):
    """At the latest in the fourth step: the layers that start at zero let it through in turn."""
    model, x = started_model(arch, rate=rate), torch.from_numpy(patches()[:2, None, :32, :32])
    if model.rate_model is not None:
        model.rate_model.start(torch.zeros(16), torch.ones(16))
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    untouched = dict(model.named_parameters())
    for _ in range(4):
        optimizer.zero_grad()
        training_loss(model, x, LossWeights(0.5, 0.5, 0.1), is_bf16=False).loss.backward()
        optimizer.step()
        untouched = {n: p for n, p in untouched.items() if p.grad is None or not p.grad.any()}
    assert not untouched


@every_network
def test_after_one_step_the_network_contributes_to_latent_and_image(arch):
    model, x = started_model(arch), torch.from_numpy(patches()[:2, None, :32, :32])
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    training_loss(model, x, LossWeights(0.5, 0.5), is_bf16=False).loss.backward()
    optimizer.step()
    latent = model.encode(x)
    assert not torch.equal(latent, model.path.analyse(x))
    assert not torch.equal(model.decode(latent), model.path.synthesise(latent))


@every_architecture
@every_ratio
def test_a_path_adds_its_windows_and_a_join(arch, ratio):
    """Two windows of 32 px per channel, a shift, the mean block; the join where there is a net."""
    c = 256 // ratio
    beside = build_weightless(ModelConfig(arch, ratio, 8, linear_path=True))
    windows, join = 2 * c * 32**2 + c + 256, c * c + c
    if not ARCHITECTURES[arch].has_network:
        assert count_parameters(beside) == windows
        return
    plain = build_weightless(ModelConfig(arch, ratio, 8))
    assert count_parameters(beside) == count_parameters(plain) + windows + join


@every_architecture
def test_a_path_is_cut_to_the_unit_interval_but_not_while_training(arch):
    model, x = started_model(arch), torch.rand(2, 1, 32, 32)
    with torch.no_grad():
        model.path.mean_block.copy_(torch.linspace(-3, 4, 256))
        free, cut = model.train()(x)[0], model.eval()(x)[0]
    assert free.min() < -1
    assert free.max() > 2
    assert cut.min() == 0
    assert cut.max() == 1


@every_architecture
def test_a_value_outside_the_interval_has_a_gradient_while_training(arch):
    model = started_model(arch).train()
    with torch.no_grad():
        model.path.mean_block.fill_(3.0)
    (model(torch.rand(2, 1, 32, 32))[0] - 0.5).square().mean().backward()
    assert model.path.mean_block.grad.abs().min() > 0


def test_a_window_sees_its_block_and_eight_pixels_around_it():
    path = started_model("linear").path
    with torch.no_grad():
        path.analysis.fill_(1.0)
    x = torch.zeros(1, 1, 80, 80, requires_grad=True)
    path.analyse(x)[0, 0, 2, 2].backward()
    rows, columns = x.grad[0, 0].nonzero(as_tuple=True)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (24, 55, 24, 55)


def test_a_klt_of_fewer_blocks_than_channels_is_refused():
    few = LinearStart(start().mean, start().basis, start().variances, num_blocks=15)
    with pytest.raises(ModelError, match=r"KLT of 16 coefficients .*found 15 .*add scenes"):
        few.apply(build_model(ModelConfig("linear", 16, 1)).path)


def test_a_klt_of_as_many_blocks_as_channels_is_taken():
    few = LinearStart(start().mean, start().basis, start().variances, num_blocks=16)
    few.apply(build_model(ModelConfig("linear", 16, 1)).path)


def test_a_start_survives_as_plain_arrays():
    again = LinearStart.from_arrays(start().to_arrays())
    assert again.num_blocks == start().num_blocks
    for name in ("mean", "basis", "variances"):
        assert np.array_equal(getattr(again, name), getattr(start(), name))
