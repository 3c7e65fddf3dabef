import pytest
import torch

from models.metrics.reconstruction import mse, ssim
from models.training.losses import LossWeights, reconstruction_loss


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(2, 3, 1, 16, 16, generator=torch.Generator().manual_seed(0)).unbind()


@pytest.mark.parametrize(("mse_weight", "ssim_weight"), [(0.5, 0.5), (1.0, 0.0), (0.0, 1.0)])
def test_loss_is_the_weighted_sum_of_its_parts(mse_weight, ssim_weight):
    x_hat, x = pair()
    parts = reconstruction_loss(x_hat, x, LossWeights(mse_weight, ssim_weight))
    expected = mse_weight * mse(x_hat, x).mean() + ssim_weight * (1 - ssim(x_hat, x).mean())
    torch.testing.assert_close(parts.loss, expected)
    torch.testing.assert_close(parts.mse, mse(x_hat, x))
    torch.testing.assert_close(parts.ssim, ssim(x_hat, x))


def test_a_perfect_reconstruction_costs_nothing():
    _, x = pair()
    assert reconstruction_loss(x, x, LossWeights(0.5, 0.5)).loss.item() == pytest.approx(
        0, abs=1e-6
    )


def test_only_the_loss_carries_a_gradient():
    x_hat, x = pair()
    parts = reconstruction_loss(x_hat.requires_grad_(), x, LossWeights(0.5, 0.5))
    assert parts.loss.requires_grad
    assert not parts.mse.requires_grad
    assert not parts.ssim.requires_grad
