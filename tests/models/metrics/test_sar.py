"""Scores against scikit-image, torchmetrics, scipy and closed forms."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, zoom
from scipy.stats import pearsonr
from skimage.filters import laplace, sobel
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from models.errors import ModelError
from models.metrics.ms_ssim import EXPONENTS, MIN_SIDE_PX, ms_ssim
from models.metrics.sar import ImageScores, mean_db, score_image, texture
from models.metrics.speckle import enl, enl_ratio, find_smooth_windows
from models.metrics.ssim import C1, C2
from tune.tables.promotion import CODECS, TEST

LOW_DB, HIGH_DB = -20.0, 5.0
LOOKS = 4.4


def speckled(seed: int, side_px: int = 192) -> np.ndarray:
    """Gamma speckle on smooth ground, as a Sentinel-1 patch: dB in bounds, scaled to [0, 1]."""
    rng = np.random.default_rng(seed)
    ground_db = -8 + 3 * zoom(rng.standard_normal((side_px // 16,) * 2), 16, order=1)
    speckle = rng.gamma(LOOKS, 1 / LOOKS, (side_px, side_px))
    level_db = ground_db + 10 * np.log10(speckle)
    return np.clip((level_db - LOW_DB) / (HIGH_DB - LOW_DB), 0, 1).astype(np.float32)


def noisy(x: np.ndarray, sigma: float = 0.05) -> np.ndarray:
    noise = np.random.default_rng(9).normal(0, sigma, x.shape)
    return np.clip(x + noise, 0, 1).astype(np.float32)


def score(x: np.ndarray, x_hat: np.ndarray) -> ImageScores:
    return score_image(x, x_hat, LOW_DB, HIGH_DB)


def test_fields_are_columns_of_the_tables():
    names = [field.name for field in fields(ImageScores)]
    for schema in (TEST, CODECS):
        assert [c.name for c in schema.columns][-len(names) :] == names


def test_identical_images_keep_everything():
    x = speckled(0)
    found = score(x, x)
    assert (found.psnr_db, found.rmse_db, found.bias_db, found.enl_ratio) == (100, 0, 0, 1)
    for value in (found.ssim, found.ms_ssim, found.epi, found.epi_sattar):
        assert value == pytest.approx(1, abs=1e-6)


def test_psnr_and_ssim_equal_scikit_image():
    x = speckled(0)
    x_hat = noisy(x)
    _, quality = structural_similarity(
        x.astype(np.float64),
        x_hat.astype(np.float64),
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    found = score(x, x_hat)
    assert found.ssim == pytest.approx(quality[5:-5, 5:-5].mean(), abs=1e-5)
    assert found.psnr_db == pytest.approx(peak_signal_noise_ratio(x, x_hat, data_range=1), abs=1e-4)


def test_a_constant_offset_in_db_is_rmse_and_bias():
    x = np.clip(speckled(0), 0.2, 0.8)
    found = score(x, x + 0.1)
    assert found.rmse_db == pytest.approx(2.5, abs=1e-4)
    assert found.bias_db == pytest.approx(2.5, abs=1e-4)
    assert found.enl_ratio == pytest.approx(1, abs=1e-4)  # a gain leaves mean² / var alone


def test_bias_is_of_linear_intensity_and_not_of_decibels():
    """Two levels 10 dB apart, replaced by their mean in dB: 5 dB against 10 log10(5.5)."""
    x = np.zeros((16, 16), np.float32)
    x[:, 8:] = 10 / (HIGH_DB - LOW_DB)
    found = score(x, np.full_like(x, 5 / (HIGH_DB - LOW_DB)))
    assert found.bias_db == pytest.approx(5 - 10 * np.log10(5.5), abs=1e-5)


def test_values_outside_the_unit_interval_are_clipped_before_scoring():
    x = speckled(0)
    wild = x + np.random.default_rng(1).normal(0, 0.5, x.shape).astype(np.float32)
    assert score(x, wild) == score(x, np.clip(wild, 0, 1))


def ms_ssim_with_scipy(x_hat: np.ndarray, x: np.ndarray) -> float:
    """The definition written out with scipy's Gaussian, cut to valid windows."""

    def local(image):
        return gaussian_filter(image, 1.5, radius=5)[5:-5, 5:-5]

    product = 1.0
    for scale, exponent in enumerate(EXPONENTS):
        a, b = local(x_hat), local(x)
        covariance = local(x_hat * x) - a * b
        variances = local(x_hat**2) - a**2 + local(x**2) - b**2
        term = (2 * covariance + C2) / (variances + C2)
        if scale == len(EXPONENTS) - 1:
            term = term * (2 * a * b + C1) / (a**2 + b**2 + C1)
        product *= term.mean() ** exponent
        height, width = x.shape
        x_hat, x = (
            image.reshape(height // 2, 2, width // 2, 2).mean((1, 3)) for image in (x_hat, x)
        )
    return product


def test_ms_ssim_equals_its_definition_in_scipy():
    x = speckled(0).astype(np.float64)
    x_hat = noisy(speckled(0), 0.2).astype(np.float64)
    found = ms_ssim(torch.from_numpy(x_hat), torch.from_numpy(x))
    assert found == pytest.approx(ms_ssim_with_scipy(x_hat, x), abs=1e-9)


def test_ms_ssim_is_near_torchmetrics_which_pads_the_coarsest_scale():
    from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

    x, x_hat = (torch.from_numpy(image) for image in (speckled(0), noisy(speckled(0), 0.2)))
    reference = multiscale_structural_similarity_index_measure(
        x_hat[None, None], x[None, None], data_range=1.0
    )
    assert ms_ssim(x_hat, x) == pytest.approx(reference.item(), abs=5e-3)


@pytest.mark.parametrize(("side_px", "exists"), [(160, False), (161, True), (175, True)])
def test_ms_ssim_exists_above_160_px(side_px, exists):
    assert MIN_SIDE_PX == 161
    x = np.random.default_rng(0).random((side_px, 200), dtype=np.float32)
    found = score(x, x).ms_ssim
    assert found == (pytest.approx(1, abs=1e-6) if exists else None)


def test_ms_ssim_of_opposite_images_is_zero_and_not_nan():
    x = speckled(0)
    assert score(x, 1 - x).ms_ssim == 0


def test_unrelated_patches_keep_no_edges_where_the_uncentred_cosine_claims_three_quarters():
    a, b = speckled(1), speckled(2)
    found = score(a, b)
    assert abs(found.epi) < 0.03
    assert abs(found.epi_sattar) < 0.03
    ga, gb = sobel(a), sobel(b)
    assert (ga * gb).sum() / np.sqrt((ga * ga).sum() * (gb * gb).sum()) > 0.7


def test_edge_indices_equal_scikit_image_filters_and_scipy_correlation():
    x = speckled(0)
    x_hat = noisy(x)
    inner = np.s_[1:-1, 1:-1]
    found = score(x, x_hat)
    for value, filtered in ((found.epi, sobel), (found.epi_sattar, laplace)):
        a, b = (filtered(image.astype(np.float64))[inner].ravel() for image in (x, x_hat))
        assert value == pytest.approx(pearsonr(a, b).statistic, abs=1e-9)


def test_gradients_of_half_the_height_still_correlate_fully():
    x = speckled(0)
    assert score(x, 0.25 + x / 2).epi == pytest.approx(1, abs=1e-6)


def test_the_negative_keeps_gradient_magnitudes_and_turns_laplacians_round():
    x = speckled(0)
    found = score(x, 1 - x)
    assert found.epi == pytest.approx(1, abs=1e-6)
    assert found.epi_sattar == pytest.approx(-1, abs=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.1, 1 / 3, 1.0])
def test_a_constant_image_has_no_edges_to_keep(level):
    x, flat = speckled(0), np.full((192, 192), level, np.float32)
    for found in (score(x, flat), score(flat, x)):
        assert (found.epi, found.epi_sattar) == (None, None)


def test_more_blur_means_lower_scores_and_smoother_speckle():
    x = speckled(0)
    blurs = [score(x, gaussian_filter(x, sigma)) for sigma in (0.5, 1.0, 2.0)]
    for name in ("psnr_db", "ssim", "ms_ssim", "epi", "epi_sattar"):
        values = [1 if name != "psnr_db" else 100, *(getattr(blur, name) for blur in blurs)]
        assert values == sorted(values, reverse=True), name
    ratios = [1, *(blur.enl_ratio for blur in blurs)]
    assert ratios == sorted(ratios)


def gamma_intensity(looks: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(looks, 3 / looks, (250, 250))


def nowhere(intensity: np.ndarray) -> np.ndarray:
    return np.zeros(intensity.shape, bool)


@pytest.mark.parametrize("looks", [1.0, 4.4, 36.0])
def test_enl_of_gamma_speckle_is_its_number_of_looks(looks):
    """In windows chosen on another image, so that nothing prefers a smooth one."""
    other = gamma_intensity(4.4, seed=1)
    windows = find_smooth_windows(other, nowhere(other))
    assert len(windows) == 10
    assert enl(gamma_intensity(looks), windows) == pytest.approx(looks, rel=0.1)


def test_windows_are_those_of_the_smooth_corner_and_never_depend_on_the_decoded_image():
    intensity = gamma_intensity(2)
    intensity[:50, 200:] = gamma_intensity(50)[:50, 200:]
    windows = find_smooth_windows(intensity, nowhere(intensity))
    corner = {(0, 8), (0, 9), (1, 8), (1, 9)}
    assert corner <= set(zip(windows.rows.tolist(), windows.columns.tolist(), strict=True))


def test_saturated_and_flat_windows_are_not_chosen():
    intensity = gamma_intensity(4.4)
    is_clipped = nowhere(intensity)
    intensity[:25, :25] = 1.0
    intensity[25:50, :25] = 1.0 + 0.001 * gamma_intensity(4.4)[25:50, :25]
    is_clipped[25:50, :10] = True
    windows = find_smooth_windows(intensity, is_clipped)
    assert len(windows) == 10
    assert not {(0, 0), (1, 0)} & set(
        zip(windows.rows.tolist(), windows.columns.tolist(), strict=True)
    )


@pytest.mark.parametrize(("side_px", "num_windows"), [(24, 0), (25, 1), (49, 1), (100, 2)])
def test_a_tenth_of_the_windows_is_chosen_and_at_least_one(side_px, num_windows):
    intensity = gamma_intensity(4.4)[:side_px, :side_px]
    assert len(find_smooth_windows(intensity, nowhere(intensity))) == num_windows


def test_there_is_no_enl_ratio_without_windows_or_of_a_flat_decoded_image():
    x = speckled(0)
    assert score(x[:24, :24], x[:24, :24]).enl_ratio is None
    assert score(x, np.full_like(x, 0.5)).enl_ratio is None
    intensity = gamma_intensity(4.4)
    windows = find_smooth_windows(intensity, nowhere(intensity))
    assert enl_ratio(intensity, np.ones_like(intensity), windows) is None


def test_texture_is_the_coefficient_of_variation_of_intensity():
    x = np.zeros((16, 16), np.float32)
    x[:, 8:] = 10 * np.log10(3) / (HIGH_DB - LOW_DB)  # intensities 1 and 3: mean 2, deviation 1
    assert texture(x, LOW_DB, HIGH_DB) == pytest.approx(0.5, abs=1e-6)


def test_mean_is_of_decibels():
    x = np.tile(np.float32([0.0, 0.5]), (12, 6))
    assert mean_db(x, LOW_DB, HIGH_DB) == pytest.approx(-13.75)


def test_tensors_are_taken_too():
    x = speckled(0)
    assert score_image(torch.from_numpy(x), torch.from_numpy(noisy(x)), LOW_DB, HIGH_DB) == score(
        x, noisy(x)
    )


def test_an_image_that_is_not_finite_is_refused():
    x = speckled(0)
    x_hat = x.copy()
    x_hat[3, 4] = np.nan
    with pytest.raises(ModelError, match="finite values"):
        score(x, x_hat)


@pytest.mark.parametrize("shape", [(1, 192, 192), (192, 191), (10, 10)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ModelError):
        score(speckled(0) if len(shape) == 3 or shape[0] > 11 else np.zeros(shape), np.zeros(shape))


def test_descending_bounds_are_refused():
    with pytest.raises(ModelError, match=r"ascend, found 5\.0 and -20\.0 dB"):
        score_image(speckled(0), speckled(0), HIGH_DB, LOW_DB)
