"""Patches lie where the index says, and are kept for their valid pixels alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.calibration import Units, encode
from data.errors import DataError
from data.patches import check_patch_px, count_patches, cut_patches, patch_starts
from data.scenes import Block, RasterFacts


def cut(image, patch_px=16, stride_px=16, min_valid_fraction=0.99, units=Units.INTENSITY):
    facts = RasterFacts(*image.shape, dtype=str(image.dtype))
    rows = cut_patches(
        lambda start, stop: Block(image[start:stop]),
        facts,
        units,
        patch_px=patch_px,
        stride_px=stride_px,
        min_valid_fraction=min_valid_fraction,
    )
    return list(rows)


def image_of(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).gamma(4.4, 1.0, (height, width)).astype(np.float32)


@given(st.integers(1, 80), st.integers(1, 80), st.sampled_from([4, 8, 16]))
def test_every_patch_is_the_image_at_its_place(height, width, stride_px):
    image = image_of(height, width)
    codes = encode(image, Units.INTENSITY)
    for row in cut(image, stride_px=stride_px):
        for patch, col in zip(row.codes, row.col_px, strict=True):
            np.testing.assert_array_equal(
                patch, codes[row.row_px : row.row_px + 16, col : col + 16]
            )


@given(st.integers(1, 80), st.integers(1, 80))
def test_as_many_patches_are_cut_as_were_counted(height, width):
    image = image_of(height, width)
    facts = RasterFacts(height, width, dtype="float32")
    assert sum(len(row.codes) for row in cut(image)) == count_patches(facts, 16, 16)


@pytest.mark.parametrize(("length", "starts"), [(15, []), (16, [0]), (31, [0]), (32, [0, 16])])
def test_patches_start_where_a_whole_one_fits(length, starts):
    assert patch_starts(length, 16, 16).tolist() == starts


@pytest.mark.parametrize(("num_invalid", "num_kept"), [(25, 1), (26, 1), (27, 0)])
def test_a_patch_is_kept_down_to_the_least_valid_fraction(num_invalid, num_kept):
    image = image_of(16, 16)
    image.ravel()[:num_invalid] = 0
    (row,) = cut(image, min_valid_fraction=1 - 26 / 256)
    assert len(row.codes) == num_kept


def test_a_patch_without_valid_pixels_is_dropped_at_any_limit():
    (row,) = cut(np.zeros((16, 16), np.float32), min_valid_fraction=0.0)
    assert (len(row.codes), row.num_seen, row.num_valid_px) == (0, 1, 0)


def test_the_mean_leaves_invalid_pixels_out():
    image = np.full((16, 16), 10.0, np.float32)
    image[1::2] = 1000.0
    image[:2, :3] = np.nan
    (row,) = cut(image, min_valid_fraction=0.9)
    assert row.mean_db[0] == pytest.approx(20.0, abs=1e-4)
    assert row.valid_fraction[0] == pytest.approx(250 / 256)


@pytest.mark.parametrize("patch_px", [16, 48, 256])
def test_multiples_of_sixteen_are_patch_sides(patch_px):
    check_patch_px(patch_px)


@pytest.mark.parametrize(("patch_px", "nearest"), [(-16, 16), (0, 16), (15, 16), (100, 96)])
def test_other_patch_sides_are_refused_with_the_nearest(patch_px, nearest):
    with pytest.raises(DataError, match=f"found {patch_px}: take {nearest}"):
        check_patch_px(patch_px)


def spread(std_db: float) -> np.ndarray:
    """Give an image in dB whose pixels are two values, `std_db` above and below -15 dB."""
    signs = np.where(np.arange(256).reshape(16, 16) % 2, 1, -1)
    return (-15 + std_db * signs).astype(np.float32)


@pytest.mark.parametrize(("std_db", "num_constant"), [(0, 1), (0.04, 1), (0.06, 0), (2, 0)])
def test_a_patch_that_spreads_less_than_speckle_is_constant(std_db, num_constant):
    (row,) = cut(spread(std_db), units=Units.DB)
    assert (row.num_constant, len(row.codes)) == (num_constant, 1 - num_constant)


def test_invalid_pixels_do_not_make_a_constant_patch_spread():
    image = spread(0)
    image[0, :2] = np.nan
    (row,) = cut(image, units=Units.DB)
    assert (row.num_constant, row.num_seen) == (1, 1)


def test_a_patch_with_too_few_valid_pixels_is_dropped_but_not_constant():
    image = spread(0)
    image[:8] = np.nan
    (row,) = cut(image, units=Units.DB)
    assert (row.num_constant, len(row.codes)) == (0, 0)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.2))
def test_constant_is_what_the_standard_deviation_says(seed, std_db):
    image = np.random.default_rng(seed).normal(-15, std_db, (16, 16)).astype(np.float32)
    image[::16] = -15  # rows that are looked at first
    codes = encode(image, Units.DB).astype(float) * 0.005
    (row,) = cut(image, units=Units.DB)
    assert row.num_constant == (codes.std() < 0.05)


def test_implausible_pixels_are_invalid_in_patches():
    image = spread(2)
    image[0, 0] = -9999
    (row,) = cut(image, units=Units.DB)
    assert row.codes[0, 0, 0] == 0
    assert row.valid_fraction[0] == pytest.approx(255 / 256)


def test_patches_of_a_fortran_image_lie_row_by_row():
    (row,) = cut(np.asfortranarray(image_of(16, 32)))
    assert row.codes.flags.c_contiguous
