import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from models.metrics.reconstruction import MSE_FLOOR, mse, psnr_db, ssim


@pytest.mark.parametrize(("offset", "expected_db"), [(1.0, 0.0), (0.1, 20.0), (0.01, 40.0)])
def test_psnr_of_a_known_offset(offset, expected_db):
    x = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    assert psnr_db(x + offset, x).item() == pytest.approx(expected_db, abs=1e-9)


def test_scores_are_per_image_and_not_of_the_batch():
    x = torch.zeros(2, 1, 16, 16)
    x_hat = torch.stack([x[0] + 0.1, x[1] + 0.01])
    torch.testing.assert_close(psnr_db(x_hat, x), torch.tensor([20.0, 40.0]))
    torch.testing.assert_close(mse(x_hat, x), torch.tensor([1e-2, 1e-4]))


def test_psnr_equals_scikit_image():
    x, x_hat = torch.rand(2, 3, 1, 20, 24, generator=torch.Generator().manual_seed(0))
    for score, a, b in zip(psnr_db(x_hat, x), x.numpy(), x_hat.numpy(), strict=True):
        assert score.item() == pytest.approx(peak_signal_noise_ratio(a, b, data_range=1), abs=1e-5)


def test_identical_images_score_100_db():
    x = torch.rand(2, 1, 16, 16)
    assert psnr_db(x, x).tolist() == pytest.approx([100, 100])


@pytest.mark.parametrize(("factor", "expected_db"), [(0.5, 100.0), (1.0, 100.0), (10.0, 90.0)])
def test_psnr_is_capped_where_the_error_falls_below_the_floor(factor, expected_db):
    x = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    x_hat = x + (factor * MSE_FLOOR) ** 0.5
    assert psnr_db(x_hat, x).item() == pytest.approx(expected_db, abs=1e-6)


def test_nan_stays_nan():
    x = torch.zeros(1, 1, 16, 16)
    assert psnr_db(x * float("nan"), x).isnan().all()
    assert ssim(x * float("nan"), x).isnan().all()
