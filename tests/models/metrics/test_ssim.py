import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from models.errors import ModelError
from models.metrics.ssim import C1, ssim_per_image


def pair(*shape: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(shape, generator=generator, dtype=dtype)
    noise = torch.randn(shape, generator=generator, dtype=dtype)
    return (x + 0.1 * noise).clamp(0, 1), x


def test_identical_images_score_exactly_one():
    _, x = pair(3, 1, 16, 24)
    assert torch.equal(ssim_per_image(x, x), torch.ones(3, dtype=torch.float64))


def test_constant_images_score_the_luminance_term_alone():
    a, b = 0.25, 0.75
    x_hat, x = (torch.full((1, 1, 12, 12), value, dtype=torch.float64) for value in (a, b))
    expected = (2 * a * b + C1) / (a * a + b * b + C1)
    assert ssim_per_image(x_hat, x).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [(11, 11), (11, 30), (64, 48)])
def test_equals_scikit_image_on_the_valid_region(size):
    x_hat, x = pair(2, 1, *size)
    for score, a, b in zip(ssim_per_image(x_hat, x), x_hat.numpy(), x.numpy(), strict=True):
        _, quality = structural_similarity(
            a[0],
            b[0],
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        assert score.item() == pytest.approx(np.mean(quality[5:-5, 5:-5]), abs=1e-6)


def test_equals_torchmetrics_in_fp32():
    from torchmetrics.functional.image import structural_similarity_index_measure

    x_hat, x = pair(4, 1, 64, 64, dtype=torch.float32)
    _, quality = structural_similarity_index_measure(
        x_hat, x, data_range=1.0, return_full_image=True
    )
    valid = quality[:, :, 5:-5, 5:-5]  # its own mean includes a border of reflected pixels
    torch.testing.assert_close(ssim_per_image(x_hat, x), valid.mean((1, 2, 3)), atol=1e-6, rtol=0)


def test_gradient_equals_the_numerical_one():
    x_hat, x = pair(2, 1, 12, 14)
    assert torch.autograd.gradcheck(lambda a: ssim_per_image(a, x), x_hat.requires_grad_())


def test_bf16_input_under_autocast_is_compared_in_fp32():
    x_hat, x = pair(2, 1, 32, 32, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        score = ssim_per_image(x_hat.bfloat16(), x)
    assert score.dtype == torch.float32
    torch.testing.assert_close(score, ssim_per_image(x_hat.bfloat16().float(), x))


def test_works_in_training_after_inference_mode_saw_the_size_first():
    x_hat, x = pair(1, 1, 19, 23)
    with torch.inference_mode():
        ssim_per_image(x_hat, x)
    x_hat.requires_grad_()
    ssim_per_image(x_hat, x).sum().backward()
    assert x_hat.grad is not None


@pytest.mark.parametrize("size", [(10, 64), (64, 10)])
def test_a_side_below_the_window_is_refused_in_a_sentence(size):
    with pytest.raises(ModelError, match=r"at least 11 x 11 px, found .* use larger crops"):
        ssim_per_image(torch.zeros(1, 1, *size), torch.zeros(1, 1, *size))


def test_other_shapes_are_refused():
    with pytest.raises(ModelError, match="one shape"):
        ssim_per_image(torch.zeros(1, 1, 16, 16), torch.zeros(2, 1, 16, 16))
