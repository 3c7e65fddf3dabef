"""The linear reference lines: closed forms, invariants, and the recorded values on real scenes."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.coding.linear import down_up_sample, fit_block_klt, supports_down_up
from models.errors import ModelError
from models.shapes import RATIOS, REDUCTION

pytestmark = pytest.mark.slow


def textured_patches(num_patches=12, patch_px=64, seed=0):
    """Smoothed noise in [0, 1]: neighbouring pixels resemble each other, as in a scene."""
    noise = np.random.default_rng(seed).random((num_patches, patch_px + 4, patch_px + 4))
    smooth = sum(noise[:, i : i + patch_px, j : j + patch_px] for i in range(5) for j in range(5))
    return (smooth / 25).astype(np.float32)


def mse(x_hat, x):
    return float(np.square(x_hat.astype(np.float64) - x).mean())


def test_all_coefficients_reconstruct_exactly():
    patches = textured_patches()
    np.testing.assert_allclose(fit_block_klt(patches, 256).reconstruct(patches), patches, atol=1e-6)


@pytest.mark.parametrize("latent_channels", [1, 4, 16, 64, 255])
def test_training_error_is_the_sum_of_the_discarded_variances(latent_channels):
    patches = textured_patches()
    klt = fit_block_klt(patches, latent_channels)
    expected = klt.variances[latent_channels:].sum() / 256
    assert mse(klt.reconstruct(patches), patches) == pytest.approx(expected, rel=1e-4, abs=1e-12)


def test_more_coefficients_are_never_worse_on_the_training_patches():
    patches = textured_patches()
    errors = [
        mse(fit_block_klt(patches, c).reconstruct(patches), patches) for c in range(1, 257, 15)
    ]
    assert errors == sorted(errors, reverse=True)


def test_klt_beats_down_and_up_sampling_on_its_training_patches():
    patches = textured_patches()
    for ratio in (4, 16, 64):
        klt = fit_block_klt(patches, 256 // ratio)
        down_up = down_up_sample(patches, ratio)
        assert mse(klt.reconstruct(patches), patches) < mse(down_up, patches)


def test_basis_is_orthonormal():
    basis = fit_block_klt(textured_patches(), 64).basis
    np.testing.assert_allclose(basis @ basis.T, np.eye(64), atol=1e-10)


def test_reconstructing_twice_changes_nothing():
    patches = textured_patches()
    klt = fit_block_klt(patches, 8)
    once = klt.reconstruct(textured_patches(seed=1))
    np.testing.assert_allclose(klt.reconstruct(once), once, atol=1e-5)


def test_reconstruction_leaves_its_input_unchanged():
    patches = textured_patches()
    before = patches.copy()
    fit_block_klt(patches, 4).reconstruct(patches)
    np.testing.assert_array_equal(patches, before)


def test_klt_keeps_blocks_in_their_places():
    """A patch set of which only one block differs comes back with only that block different."""
    patches = np.full((1, 48, 64), 0.25, np.float32)
    patches[0, 16:32, 32:48] = 0.75
    x_hat = fit_block_klt(patches, 1).reconstruct(patches)
    np.testing.assert_allclose(x_hat, patches, atol=1e-6)


@pytest.mark.parametrize("ratio", RATIOS)
def test_down_up_exists_where_the_ratio_is_a_square(ratio):
    assert supports_down_up(ratio) == (ratio in (4, 16, 64))


@given(level=st.floats(0, 1, width=32), ratio=st.sampled_from([4, 16, 64]))
def test_down_up_keeps_a_constant_image(level, ratio):
    patches = np.full((2, 32, 48), level, np.float32)
    np.testing.assert_allclose(down_up_sample(patches, ratio), patches, atol=1e-6)


def test_down_up_keeps_a_ramp_away_from_the_border():
    """Bicubic interpolation reproduces first-degree polynomials."""
    ramp = np.tile(np.linspace(0, 1, 128, dtype=np.float32), (1, 128, 1))
    inner = np.s_[:, 16:-16, 16:-16]
    np.testing.assert_allclose(down_up_sample(ramp, 16)[inner], ramp[inner], atol=1e-5)


@pytest.mark.parametrize("ratio", [8, 32])
def test_down_up_refuses_a_ratio_without_whole_factor(ratio):
    with pytest.raises(ModelError, match=f"square ratio, found {ratio}: take 4, 16 or 64"):
        down_up_sample(textured_patches(1), ratio)


def test_klt_refuses_sides_that_do_not_split_into_blocks():
    with pytest.raises(ModelError, match="multiples of 16 px, found 40 x 40"):
        fit_block_klt(textured_patches(1, 40), 16)


@pytest.mark.parametrize("latent_channels", [0, 257])
def test_klt_refuses_an_impossible_number_of_coefficients(latent_channels):
    with pytest.raises(ModelError, match=f"1 to 256 coefficients, {latent_channels} are asked"):
        fit_block_klt(textured_patches(1), latent_channels)


def test_klt_refuses_to_be_fitted_on_nothing():
    with pytest.raises(ModelError, match="at least one patch"):
        fit_block_klt(np.empty((0, 64, 64), np.float32), 16)


def read_patches(folder: Path, scene: str, split: str, num_tiles: int):
    """The first tiles of group A as 256x256 patches in [0, 1], bounds [-17.5, 0] dB."""
    with (folder / "SPLIT.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if (r["scene"], r["split"]) == (scene, split)]
    codes = np.stack([np.asarray(Image.open(folder / r["path"])) for r in rows[:num_tiles]])
    amplitudes = np.arange(256).clip(min=1) / 255  # the files' codes start at 7
    levels = np.clip(1 + 20 * np.log10(amplitudes) / 17.5, 0, 1).astype(np.float32)
    tiles = levels[codes]
    return tiles.reshape(-1, 4, 256, 4, 256).swapaxes(2, 3).reshape(-1, 256, 256)


def mean_psnr_db(x_hat, x):
    errors = np.square(np.clip(x_hat, 0, 1) - x).mean(axis=(1, 2))
    return float(np.mean(-10 * np.log10(errors)))


@pytest.mark.corpus
def test_reference_lines_reproduce_the_recorded_ones(real_scenes):
    """The table of the design: fitted on 20 Los Angeles tiles, scored on 12 of San Antonio."""
    test = read_patches(real_scenes, "SanAntonio", "test", 12)
    whole = fit_block_klt(read_patches(real_scenes, "LA", "train", 20), 256)
    recorded = {4: 27.84, 8: 23.99, 16: 21.45, 32: 19.89, 64: 18.91}
    klts = {r: replace(whole, basis=whole.basis[: REDUCTION**2 // r]) for r in recorded}
    found = {r: mean_psnr_db(klt.reconstruct(test), test) for r, klt in klts.items()}
    assert found == pytest.approx(recorded, abs=0.02)
    down_up = {r: mean_psnr_db(down_up_sample(test, r), test) for r in (4, 16, 64)}
    assert down_up == pytest.approx({4: 26.29, 16: 21.13, 64: 18.93}, abs=0.03)
