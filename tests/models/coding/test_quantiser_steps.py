import math

import pytest
import torch

from models.coding.linear import fit_block_klt
from models.coding.linear_transforms import KltTransform
from models.coding.quantiser_steps import COARSEST_STEP, LOSSES_DB, choose_steps
from models.errors import ModelError
from models.metrics.reconstruction import psnr_db
from models.registry import ModelConfig, build_model


def images(num_images=6, seed=0) -> torch.Tensor:
    """Smooth ground with noise, in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    ground = torch.rand(num_images, 1, 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(ground, scale_factor=16, mode="bilinear")
    return (smooth + 0.05 * torch.randn(smooth.shape, generator=generator)).clamp(0, 1)


def klt_transform(num_coefficients=16) -> KltTransform:
    return KltTransform(fit_block_klt(images(12, seed=1)[:, 0].numpy(), num_coefficients))


def loss_db(transform, x, step) -> float:
    latent = transform.encode(x)
    decoded = [transform.decode(y).clamp(0, 1) for y in (latent, (latent / step).round() * step)]
    before, after = (psnr_db(x_hat, x).mean() for x_hat in decoded)
    return float(before - after)


def test_steps_cost_what_they_were_chosen_to_cost():
    transform, x = klt_transform(), images()
    steps = choose_steps(transform, x)
    assert len(steps) == len(LOSSES_DB)
    assert list(steps) == sorted(steps)
    for step, expected_db in zip(steps, LOSSES_DB, strict=True):
        assert loss_db(transform, x, step) == pytest.approx(expected_db, rel=0.25)
    assert loss_db(transform, x, steps[0]) < 0.05


def test_a_network_is_taken_as_a_linear_transform_is():
    """Untrained, its latent still says something of the image; nothing else is asked here."""
    model = build_model(ModelConfig("baseline", 16, 4), seed=0).eval()
    steps = choose_steps(model, images())
    assert list(steps) == sorted(steps)
    assert all(step > 0 for step in steps)


class Blind:
    """Decodes the same grey image from every latent."""

    def encode(self, x):
        return torch.full((len(x), 2, 4, 4), 3.0)

    def decode(self, latent):
        return torch.full((len(latent), 1, 64, 64), 0.5)


def test_where_quantisation_costs_nothing_the_coarsest_step_is_taken():
    assert choose_steps(Blind(), images()) == (pytest.approx(COARSEST_STEP * 3),)


def test_losses_out_of_reach_are_left_out():
    """Scored on flat images, KLT loses much at once, but never as much as 200 dB."""
    transform, x = klt_transform(), images()
    assert len(choose_steps(transform, x, losses_db=(0.1, 200.0))) == 1


def test_a_latent_of_zeros_has_a_step_too():
    class Empty(Blind):
        def encode(self, x):
            return torch.zeros(len(x), 2, 4, 4)

    assert choose_steps(Empty(), images()) == (1.0,)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_latent_that_is_not_finite_is_refused(bad):
    class Broken(Blind):
        def encode(self, x):
            return torch.full((len(x), 2, 4, 4), bad)

    with pytest.raises(ModelError, match="finite latents"):
        choose_steps(Broken(), images())
