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
