"""The linear lines as transforms: without quantisation they are models.coding.linear to the bit."""

import numpy as np
import pytest
import torch

from models.coding.latent_codec import LatentCoder
from models.coding.linear import down_up_sample, fit_block_klt
from models.coding.linear_transforms import DownUpTransform, KltTransform


def textured(num_images=8, seed=0) -> torch.Tensor:
    noise = np.random.default_rng(seed).random((num_images, 52, 68), dtype=np.float32)
    smooth = sum(noise[:, i : i + 48, j : j + 64] for i in range(5) for j in range(5))
    return torch.from_numpy(smooth / 25)[:, None]


def test_klt_is_the_reference_line_when_nothing_is_quantised():
    x = textured()
    klt = fit_block_klt(x[:, 0].numpy(), 16)
    latent = KltTransform(klt).encode(x)
    assert latent.shape == (8, 16, 3, 4)
    x_hat = KltTransform(klt).decode(latent)
    assert x_hat.shape == x.shape
    np.testing.assert_array_equal(x_hat[:, 0].numpy(), klt.reconstruct(x[:, 0].numpy()))


def test_klt_channels_have_the_variances_of_the_fit():
    x = textured()
    klt = fit_block_klt(x[:, 0].numpy(), 16)
    latent = KltTransform(klt).encode(x)
    variances = latent.var((0, 2, 3), correction=0).numpy()
    np.testing.assert_allclose(variances, klt.variances[:16], rtol=1e-3)


@pytest.mark.parametrize("ratio", [4, 16, 64])
def test_down_up_is_the_reference_line_when_nothing_is_quantised(ratio):
    x, transform = textured(), DownUpTransform(ratio)
    latent = transform.encode(x)
    assert latent.numel() * ratio == x.numel()
    expected = down_up_sample(x[:, 0].numpy(), ratio)
    np.testing.assert_array_equal(transform.decode(latent)[:, 0].numpy(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1e-3, 1e-1])
def test_the_error_of_quantised_klt_coefficients_is_a_twelfth_of_the_squared_step(step):
    """White noise, all coefficients kept, the basis orthonormal: that of uniform quantisation."""
    x = torch.rand(24, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    transform = KltTransform(fit_block_klt(x[:, 0].numpy(), 256))
    latents = transform.encode(x)
    coder = LatentCoder.fit(latents, step, rate_weight=0)
    decoded = transform.decode(torch.stack([coder.decode(coder.encode(y)) for y in latents]))
    assert float((decoded - x).square().mean()) == pytest.approx(step**2 / 12, rel=0.05)
