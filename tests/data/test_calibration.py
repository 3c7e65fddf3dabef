"""Codes are what every score rests on: exact, invertible, and blind to invalid pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.calibration import (
    CODE_OFFSET_DB,
    CODE_STEP_DB,
    MAX_CODE,
    NUM_CODES,
    Units,
    codes_to_db,
    count_codes,
    db_to_codes,
    encode,
    find_valid,
    fit_bounds_db,
)
from data.errors import DataError

LOWEST_DB, HIGHEST_DB = CODE_OFFSET_DB + CODE_STEP_DB, CODE_OFFSET_DB + CODE_STEP_DB * MAX_CODE


def test_every_code_survives_the_way_to_db_and_back():
    codes = np.arange(NUM_CODES, dtype=np.uint16)
    np.testing.assert_array_equal(db_to_codes(codes_to_db(codes)), codes)


@given(st.floats(LOWEST_DB, HIGHEST_DB))
def test_a_code_is_at_most_half_a_step_from_its_value(value_db):
    decoded = codes_to_db(db_to_codes(np.array([value_db])))[0]
    rounding_of_float32 = np.spacing(np.float32(abs(value_db)))
    assert abs(decoded - value_db) <= CODE_STEP_DB / 2 + rounding_of_float32


@given(st.floats(1e-14, 1e17))
def test_intensity_is_encoded_within_half_a_step_of_ten_log10(intensity):
    decoded = codes_to_db(encode(np.array([intensity]), Units.INTENSITY))[0]
    assert decoded == pytest.approx(10 * np.log10(intensity), abs=CODE_STEP_DB / 2 + 5e-5)


@given(st.integers(1, 65535))
def test_amplitude_has_the_code_of_its_square_as_intensity(amplitude):
    values = np.array([amplitude], dtype=np.uint16)
    as_intensity = encode(values.astype(np.float64) ** 2, Units.INTENSITY).astype(int)
    assert abs(encode(values, Units.AMPLITUDE).astype(int) - as_intensity) <= 1


def test_full_scale_is_zero_db():
    codes = encode(np.array([255], np.uint8), Units.AMPLITUDE, full_scale=255.0)
    assert codes_to_db(codes)[0] == 0.0


def test_values_beyond_the_code_range_saturate_and_stay_valid():
    assert db_to_codes(np.array([-400.0, 400.0])).tolist() == [1, MAX_CODE]


@pytest.mark.parametrize("units", [Units.AMPLITUDE, Units.INTENSITY])
def test_zero_negative_nan_infinity_and_masked_pixels_are_invalid_in_linear_units(units):
    values = np.array([0.0, -1.0, np.nan, np.inf, -np.inf, 7.0, 5.0])
    codes = encode(values, units, valid=values != 7.0)
    assert codes.astype(bool).tolist() == [False] * 6 + [True]


def test_zero_and_negative_decibels_are_measurements():
    values = np.array([0.0, -20.0, np.nan, np.inf, -9999.0])
    assert find_valid(values, Units.DB, values != -9999.0).tolist() == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_unsigned_integers_keep_their_largest_value():
    code = encode(np.array([65535], np.uint16), Units.AMPLITUDE)
    assert codes_to_db(code)[0] == pytest.approx(20 * np.log10(65535), abs=CODE_STEP_DB)


def test_bounds_are_the_percentiles_of_the_valid_pixels():
    codes = np.concatenate([np.zeros(500, np.uint16), np.arange(1000, 1100, dtype=np.uint16)])
    low_db, high_db = fit_bounds_db(count_codes(codes))
    assert (low_db, high_db) == pytest.approx(
        (CODE_OFFSET_DB + CODE_STEP_DB * 1000, CODE_OFFSET_DB + CODE_STEP_DB * 1098)
    )


@given(st.lists(st.integers(1, 200), min_size=50, max_size=400))
def test_bounds_agree_with_an_independent_percentile(codes):
    values = np.array(codes, dtype=np.uint16)
    low, high = np.percentile(values, [1, 99], method="inverted_cdf")
    if low == high:
        with pytest.raises(DataError):
            fit_bounds_db(count_codes(values))
    else:
        expected = CODE_OFFSET_DB + CODE_STEP_DB * np.array([low, high])
        np.testing.assert_allclose(fit_bounds_db(count_codes(values)), expected, atol=1e-6)


@pytest.mark.parametrize("codes", [[], [0, 0], [7] * 50])
def test_a_constant_or_empty_image_has_no_bounds(codes):
    with pytest.raises(DataError, match="check the scenes"):
        fit_bounds_db(count_codes(np.array(codes, dtype=np.uint16)))
