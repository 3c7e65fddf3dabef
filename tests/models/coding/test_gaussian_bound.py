"""The Gaussian bound: closed forms, an independent search for the level, and linear codecs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq
from scipy.signal import lfilter

from models.coding.gaussian_bound import Spectrum, fit_spectrum
from models.coding.linear import BLOCK_PX, fit_block_klt
from models.errors import ModelError

POWERS = st.lists(st.floats(1e-6, 10), min_size=1, max_size=40).map(np.array)


def ar1_power(rho: float, variance: float, side: int = 128) -> np.ndarray:
    """Power of a separable first-order autoregressive field."""
    frequencies = 2 * np.pi * np.arange(side) / side
    line = (1 - rho**2) / (1 - 2 * rho * np.cos(frequencies) + rho**2)
    return (variance * np.outer(line, line)).ravel()


def ar1_patches(rho: float, num_patches: int, side: int, seed=0) -> np.ndarray:
    run_in = 64
    noise = np.random.default_rng(seed).standard_normal((num_patches, side + run_in, side + run_in))
    field = lfilter([np.sqrt(1 - rho**2)], [1, -rho], noise, axis=1)
    field = lfilter([np.sqrt(1 - rho**2)], [1, -rho], field, axis=2)
    return field[:, run_in:, run_in:].astype(np.float32)


def smooth_patches(num_patches=60, side=64) -> np.ndarray:
    noise = np.random.default_rng(1).standard_normal((num_patches, side, side))
    field = gaussian_filter(noise, (0, 1.2, 1.2), mode="wrap") + 0.05 * noise
    return (0.5 + 0.3 * field).astype(np.float32)


def test_white_noise_needs_half_a_bit_per_halving_of_its_variance():
    white, variance = Spectrum(np.full(100, 0.02)), 0.02
    for error in (0.02, 0.01, 0.003, 1e-5):
        expected = 0.5 * np.log2(variance / error)
        assert white.rate_bpp(-10 * np.log10(error)) == pytest.approx(expected, abs=1e-12)


def test_a_separable_autoregressive_field_has_its_closed_form_at_low_distortion():
    """Below the least power: R = log2(variance (1 - rho²)² / D) / 2, the mean logarithm of S."""
    rho, variance = 0.7, 0.04
    spectrum = Spectrum(ar1_power(rho, variance))
    error = spectrum.power.min() * 0.9
    expected = 0.5 * np.log2(variance * (1 - rho**2) ** 2 / error)
    assert spectrum.rate_bpp(-10 * np.log10(error)) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_the_spectrum_of_a_sampled_autoregressive_field_is_found_within_a_fiftieth_bit(rho):
    found = fit_spectrum(ar1_patches(rho, 200, 64))
    exact = Spectrum(ar1_power(rho, 1.0))
    psnr_db = np.array([2.0, 5.0, 10.0, 20.0, 30.0])
    np.testing.assert_allclose(found.rate_bpp(psnr_db), exact.rate_bpp(psnr_db), atol=0.02)


def test_sampled_white_noise_is_white_within_a_hundredth_bit():
    noise = np.random.default_rng(0).normal(0.5, 0.1, (200, 32, 32)).astype(np.float32)
    found = fit_spectrum(noise)
    expected = 20 + 10 * np.log10(4) * np.array([0.5, 1, 2])
    np.testing.assert_allclose(found.psnr_db([0.5, 1, 2]), expected, atol=0.06)


@given(power=POWERS, rate=st.floats(0, 12))
def test_rate_and_psnr_are_inverse(power, rate):
    spectrum = Spectrum(power)
    assert spectrum.rate_bpp(spectrum.psnr_db(rate)) == pytest.approx(rate, abs=1e-6)


@given(power=POWERS, rate=st.floats(0.01, 8))
def test_the_level_found_by_search_gives_the_same_psnr(power, rate):
    def rate_of(log_level: float) -> float:
        return float(np.maximum(0, np.log2(power) - log_level).mean() / 2 - rate)

    level = 2 ** brentq(rate_of, np.log2(power.min()) - 20, np.log2(power.max()), xtol=1e-13)
    expected = -10 * np.log10(np.minimum(power, level).mean())
    assert Spectrum(power).psnr_db(rate) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("num_patches", [3, 10])
def test_few_patches_give_a_bound_that_is_too_high_by_what_the_docstring_says(num_patches):
    noise = np.random.default_rng(2).normal(0.5, 0.1, (num_patches, 128, 128))
    excess_db = fit_spectrum(noise.astype(np.float32)).psnr_db(4.0) - (20 + 4 * 10 * np.log10(4))
    assert excess_db == pytest.approx(2.2 / num_patches, abs=0.12)


def test_without_bits_the_error_is_the_variance_of_the_pixels():
    patches = smooth_patches(300)
    found_db = fit_spectrum(patches).psnr_db(0.0)
    assert found_db == pytest.approx(-10 * np.log10(patches.var()), abs=0.05)


def test_frequencies_without_power_cost_nothing():
    half_empty = Spectrum(np.repeat([0.2, 0.0], 50))
    assert half_empty.rate_bpp(-10 * np.log10(0.1 / 16)) == pytest.approx(1.0)


def test_a_steep_slope_does_not_leak_into_the_noise_above_it():
    """A ramp with faint noise: at high rates only the noise costs; leaks would cost 2 bits more."""
    noise = np.random.default_rng(0).normal(0, 0.003, (60, 64, 64))
    spectrum = fit_spectrum((noise + np.linspace(0, 1, 64)).astype(np.float32))
    error = 1e-6
    expected = 0.5 * np.log2(0.003**2 / error)
    assert spectrum.rate_bpp(-10 * np.log10(error)) == pytest.approx(expected, abs=0.1)


def test_the_bound_is_above_the_best_that_blocks_can_do_at_every_rate():
    patches = smooth_patches(num_patches=300)
    blocks = Spectrum(fit_block_klt(patches, 256).variances.clip(min=0))
    rates = np.geomspace(0.02, 4, 30)
    assert (fit_spectrum(patches).psnr_db(rates) > blocks.psnr_db(rates)).all()


@pytest.mark.parametrize("step", [0.05, 0.2, 0.5, 1.0])
def test_a_block_klt_coded_at_its_entropy_stays_below_the_bound(step):
    patches = smooth_patches(num_patches=300)
    klt = fit_block_klt(patches, 256)
    latent = klt.analyse(patches)
    symbols = np.rint(latent / step)
    bits = 0.0
    for channel in symbols.swapaxes(0, 1).reshape(256, -1):
        shares = np.unique(channel, return_counts=True)[1] / channel.size
        bits -= (shares * np.log2(shares)).sum()
    error = np.square(klt.synthesise((symbols * step).astype(np.float32)) - patches).mean()
    assert -10 * np.log10(error) < fit_spectrum(patches).psnr_db(bits / BLOCK_PX**2)


@pytest.mark.parametrize("shape", [(0, 32, 32), (2, 1, 32, 32), (32, 32)])
def test_patches_of_another_shape_are_refused(shape):
    with pytest.raises(ModelError, match=r"patches \(N, P, P\)"):
        fit_spectrum(np.zeros(shape, np.float32))


def test_constant_patches_are_refused():
    with pytest.raises(ModelError, match="all pixels are equal"):
        fit_spectrum(np.full((3, 32, 32), 0.4, np.float32))


def test_a_field_without_power_is_refused():
    with pytest.raises(ModelError, match="without power"):
        Spectrum(np.zeros(9)).psnr_db(1.0)


def test_a_negative_rate_is_refused():
    with pytest.raises(ModelError, match=r"at least 0 bit/px, found -0\.5"):
        Spectrum(np.ones(4)).psnr_db([1.0, -0.5])
