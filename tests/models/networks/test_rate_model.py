"""The rate model: what must hold of masses, steps and their gradients, whatever is learnt."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.func import functional_call

from models.networks.rate_model import MIN_MASS, RateModel


def make_model(num_channels=3, *, seed=0, log_scale=0.0):
    """A rate model of random distributions and steps."""
    model = RateModel(num_channels)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    model.log_scale.fill_(log_scale)
    return model


def gaussian_latent(num_channels=3, side=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, num_channels, side, side, generator=generator)


seeds = st.integers(0, 10_000)
log_scales = st.floats(-3.0, 4.0)


@given(seed=seeds, log_scale=log_scales)
@torch.no_grad()
def test_masses_of_all_cells_sum_to_one(seed, log_scale):
    model = make_model(1, seed=seed, log_scale=log_scale)
    step = model.steps().item()
    reach = model.means.abs().max().item() + 20 * model.log_widths.exp().max().item()
    cells = torch.arange(-math.ceil(reach / step), math.ceil(reach / step) + 1)
    bits = model.bits(step * cells.float().reshape(-1, 1, 1, 1))
    assert torch.exp2(-bits.double()).sum().item() == pytest.approx(1, abs=1e-3)


@given(seed=seeds, log_scale=log_scales)
@torch.no_grad()
def test_a_channel_costs_what_it_costs_alone(seed, log_scale):
    model = make_model(2, seed=seed, log_scale=log_scale)
    latent = model.quantise(gaussian_latent(2, side=8, seed=seed))
    costs = []
    for channel in range(2):
        alone = RateModel(1)
        for name, parameter in alone.named_parameters():
            parameter.copy_(getattr(model, name)[channel : channel + 1])
        alone.log_scale.copy_(model.steps()[channel].log())
        costs.append(alone.bits(latent[:, channel : channel + 1]))
    torch.testing.assert_close(model.bits(latent), sum(costs), rtol=1e-4, atol=1e-2)


@given(seed=seeds)
@torch.no_grad()
def test_images_cost_what_they_cost_alone(seed):
    model = make_model(seed=seed)
    latent = gaussian_latent(side=8, seed=seed)
    both = model.bits(torch.cat([latent, 2 * latent]))
    torch.testing.assert_close(both, torch.cat([model.bits(latent), model.bits(2 * latent)]))


@torch.no_grad()
def test_halving_fine_steps_costs_one_bit_an_element():
    model, latent = RateModel(3), gaussian_latent()
    model.start(torch.zeros(3), torch.ones(3))
    bits = []
    for step in (0.05, 0.025):
        model.log_scale.fill_(math.log(step))
        bits.append(model.bits(model.quantise(latent)).item() / latent.numel())
    assert bits[1] - bits[0] == pytest.approx(1, abs=0.01)


@torch.no_grad()
@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (5.0, 0.1), (-2.0, 30.0)])
def test_a_started_model_codes_a_gaussian_within_an_eighth_bit_of_its_entropy(mean, deviation):
    model, latent = RateModel(3), mean + deviation * gaussian_latent()
    model.start(torch.full((3,), mean), torch.full((3,), deviation))
    step = 0.1 * deviation
    model.log_scale.fill_(math.log(step))
    entropy = 0.5 * math.log2(2 * math.pi * math.e * deviation**2) - math.log2(step)
    spent = model.bits(model.quantise(latent)).item() / latent.numel()
    assert entropy - 0.02 < spent < entropy + 0.125


@torch.no_grad()
def test_a_constant_channel_costs_nothing_at_a_large_step():
    model = RateModel(1)
    model.start(torch.zeros(1), torch.zeros(1))
    assert model.bits(torch.zeros(1, 1, 8, 8)).item() / 64 < 1e-3


@torch.no_grad()
@given(seed=seeds, value=st.floats(-1e6, 1e6))
def test_no_element_costs_more_than_an_escape_or_less_than_nothing(seed, value):
    bits = make_model(1, seed=seed).bits(torch.full((1, 1, 1, 1), value)).item()
    assert -1e-6 <= bits <= -math.log2(MIN_MASS)


@given(seed=seeds, log_scale=st.floats(-1.0, 2.0))
def test_bits_have_the_gradients_of_finite_differences(seed, log_scale):
    model = make_model(2, seed=seed, log_scale=log_scale).double()
    latent = gaussian_latent(2, side=2, seed=seed).double().requires_grad_()
    names = [name for name, _ in model.named_parameters()]

    def bits(latent, *values):
        parameters = {f"model.{n}": v for n, v in zip(names, values, strict=True)}
        return functional_call(Bits(model), parameters, latent)

    # Central differences by hand: torch's gradcheck imports its compiler.
    inputs = [latent, *(p.detach().clone().requires_grad_() for p in model.parameters())]
    gradients = torch.autograd.grad(bits(*inputs).sum(), inputs)
    generator = torch.Generator().manual_seed(seed)
    for place, gradient in enumerate(gradients):
        direction = torch.randn(gradient.shape, generator=generator, dtype=torch.float64)
        nudged = [
            bits(*(x + sign * 1e-6 * direction if i == place else x for i, x in enumerate(inputs)))
            for sign in (1, -1)
        ]
        slope = (nudged[0] - nudged[1]).sum().item() / 2e-6
        assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-4, abs=1e-5)


class Bits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, latent):
        return self.model.bits(latent)


@given(seed=seeds, log_scale=log_scales)
@torch.no_grad()
def test_quantised_is_the_nearest_multiple_of_the_step(seed, log_scale):
    model = make_model(seed=seed, log_scale=log_scale)
    latent = 10 * gaussian_latent(side=8, seed=seed)
    steps = model.steps()[:, None, None]
    quantised = model.quantise(latent)
    torch.testing.assert_close(quantised, steps * (quantised / steps).round(), rtol=0, atol=1e-4)
    assert ((quantised - latent).abs() <= 0.5 * steps + 1e-4).all()


def test_rounding_has_the_gradient_of_the_identity_and_its_error_that_of_the_step():
    model, latent = make_model(), gaussian_latent().requires_grad_()
    quantised = model.quantise(latent)
    quantised.sum().backward()
    assert torch.equal(latent.grad, torch.ones_like(latent))
    # Moving log_steps along (1, 0, 0) less its mean moves the logarithms of the steps so.
    errors = (quantised - latent).detach().sum((0, 2, 3))
    expected = errors - errors.mean()
    torch.testing.assert_close(model.log_steps.grad, expected, rtol=1e-3, atol=1e-2)


@given(seed=seeds, log_scale=log_scales)
@torch.no_grad()
def test_noise_lies_within_half_a_step(seed, log_scale):
    model = make_model(seed=seed, log_scale=log_scale)
    noise = model.add_noise(torch.zeros(2, 3, 16, 16))
    assert (noise.abs() <= 0.5 * model.steps()[:, None, None]).all()


@torch.no_grad()
def test_noise_is_uniform_over_its_step():
    model = make_model()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        noise = model.add_noise(torch.zeros(4, 3, 128, 128)) / model.steps()[:, None, None]
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.var().item() == pytest.approx(1 / 12, rel=0.01)


@given(seed=seeds, first=log_scales, second=log_scales)
@torch.no_grad()
def test_the_scale_scales_all_steps(seed, first, second):
    fine = make_model(seed=seed, log_scale=first).steps()
    coarse = make_model(seed=seed, log_scale=second).steps()
    torch.testing.assert_close(coarse / fine, torch.full((3,), math.exp(second - first)))


@given(seed=seeds, log_scale=log_scales)
@torch.no_grad()
def test_the_scale_is_the_geometric_mean_of_the_steps(seed, log_scale):
    steps = make_model(5, seed=seed, log_scale=log_scale).steps()
    assert steps.log().mean().item() == pytest.approx(log_scale, abs=1e-5)
