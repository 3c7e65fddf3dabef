"""Values that no radar measures are lost pixels when they are few, and a refusal when many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.calibration import INVALID_CODE, Units, encode
from data.errors import DataError
from data.plausibility import Census
from data.raster_facts import Block

SHAPE = (100, 100)


def draw_db(seed: int = 0) -> np.ndarray:
    return (10 * np.log10(draw_power(seed))).astype("f4")


def draw_power(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.4, 0.05 / 4.4, SHAPE).astype("f4")


def take_census(values: np.ndarray, units: Units, valid=None, full_scale=1.0):
    """Count an image in four blocks; give the census and the cleaned codes."""
    census, codes = Census(units, full_scale), []
    for rows in np.split(np.arange(len(values)), 4):
        block = Block(values[rows], None if valid is None else valid[rows])
        codes.append(encode(block.values, units, valid=block.valid, full_scale=full_scale))
        census.clean(block, codes[-1])
    return census, np.concatenate(codes)


def spoil(values: np.ndarray, share: float, bad: object, seed: int = 1) -> np.ndarray:
    spoiled = values.copy()
    chosen = np.random.default_rng(seed).permutation(values.size)[: round(share * values.size)]
    spoiled.ravel()[chosen] = bad
    return spoiled


@pytest.mark.parametrize(
    ("units", "lowest", "highest"),
    [(Units.DB, -60, 40), (Units.INTENSITY, 1e-6, 1e10), (Units.AMPLITUDE, 1e-3, 1e5)],
)
def test_the_plausible_range_holds_its_ends_and_nothing_beyond(units, lowest, highest):
    step = 0.01 if units is Units.DB else 0.01 * np.array([lowest, highest])
    beyond = np.array([[lowest, highest], [lowest, highest] + np.array([-1, 1]) * step])
    census, codes = take_census(np.repeat(beyond, 2, axis=0), units)
    assert (census.num_valid_px, census.num_implausible_px) == (8, 4)
    assert (codes != INVALID_CODE).tolist() == [[True, True]] * 2 + [[False, False]] * 2


@pytest.mark.parametrize("units", [Units.AMPLITUDE, Units.INTENSITY])
@pytest.mark.parametrize(("dtype", "full_scale"), [("u1", 255.0), ("u2", 65535.0)])
def test_every_grey_of_a_png_is_plausible(dtype, full_scale, units):
    values = np.arange(1, int(full_scale) + 1).astype(dtype)
    values = np.resize(values, (len(values) // 4 * 4, 1))
    census, _ = take_census(values, units, full_scale=full_scale)
    assert census.num_implausible_px == 0


@pytest.mark.parametrize("mark", [-9999.0, -32768.0, 255.0, float(np.finfo("f4").min), 1e30])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_a_mark_that_no_tag_names_is_invalid_whatever_its_share(share, mark):
    image = spoil(draw_db(), share, mark)
    census, codes = take_census(image, Units.DB)
    census.check("a.tif", "file name")
    np.testing.assert_array_equal(codes == INVALID_CODE, image == np.float32(mark))
    assert census.num_implausible_px == round(share * image.size)


def test_two_marks_and_a_few_stray_values_are_invalid():
    image = spoil(spoil(draw_db(), 0.2, -9999), 0.1, -32768, seed=2)
    strays = np.linspace(-70, -99, 50)
    image[0, :50] = strays
    census, _ = take_census(image, Units.DB)
    census.check("a.tif", "file name")


@pytest.mark.parametrize(("share", "is_refused"), [(0.009, False), (0.012, True)])
def test_more_than_one_percent_of_different_values_are_a_refusal(share, is_refused):
    bad = np.linspace(-70, -3000, round(share * 1e4))
    census, _ = take_census(spoil(draw_db(), share, bad), Units.DB)
    if is_refused:
        with pytest.raises(DataError, match=r"between -60 and 40, and 1.2% of the pixels of a.tif"):
            census.check("a.tif", "file name")
    else:
        census.check("a.tif", "file name")


@pytest.mark.parametrize(
    ("values", "units", "advice"),
    [
        (np.rint(draw_db() * 100).astype("i2"), Units.DB, "decibels times 100.*set the scale 0.01"),
        (np.rint(draw_db() * 10).astype("i2"), Units.DB, "decibels times 10 .*set the scale 0.1"),
        (draw_power() * 1e6, Units.DB, "looks like linear values, give --units intensity"),
        (draw_power() * 1e13, Units.INTENSITY, "looks like no backscatter"),
        (draw_power(), Units.DB, "no value below -1 and the median 0.05: it looks like linear"),
        (draw_power() - 0.02, Units.DB, "no value below -1 and the median 0.03"),
        ((draw_db() + 30).astype("u1"), Units.DB, "linear or packed values"),
        (draw_db(), Units.INTENSITY, "it looks like decibels, give --units db"),
        (draw_db(), Units.AMPLITUDE, "it looks like decibels, give --units db"),
        (spoil(draw_db(), 0.3, 0), Units.INTENSITY, "it looks like decibels, give --units db"),
    ],
    ids=[
        "dB x 100",
        "dB x 10",
        "DN as dB",
        "no power",
        "power as dB",
        "power less noise as dB",
        "packed dB without its offset",
        "dB as intensity",
        "dB as amplitude",
        "dB with zeros as intensity",
    ],
)
def test_an_image_in_another_unit_is_refused_with_what_it_looks_like(values, units, advice):
    census, _ = take_census(values, units)
    with pytest.raises(DataError, match=advice):
        census.check("a.tif", "file name")


def test_a_person_may_say_that_positive_decibels_are_decibels():
    values = np.abs(draw_db()) / 10
    census, _ = take_census(values, Units.DB)
    census.check("a.tif", "--units")
    with pytest.raises(DataError, match="--units db if it is in decibels"):
        census.check("a.tif", "file name")


def test_decibels_hidden_under_a_mask_do_not_count():
    there = np.ones(SHAPE, bool)
    there[:, :60] = False
    image = np.where(there, draw_power(), draw_db())
    census, _ = take_census(image, Units.INTENSITY, valid=there)
    census.check("a.tif", "file name")
    assert census.num_valid_px == there.sum()


def test_negative_power_after_subtracting_noise_is_no_decibel():
    values = np.random.default_rng(0).normal(-0.0002, 0.0007, SHAPE).astype("f4")
    census, codes = take_census(values, Units.INTENSITY)
    census.check("a.tif", "file name")
    assert 0.5 < (codes == INVALID_CODE).mean() < 0.7


def test_an_image_without_a_valid_pixel_is_not_judged():
    for units in Units:
        census, _ = take_census(np.full(SHAPE, np.nan), units)
        census.check("a.tif", "file name")


def test_rows_read_twice_are_counted_once():
    image = spoil(draw_db(), 0.05, -9999)
    census = Census(Units.DB)
    for start in range(0, 81, 10):
        block = Block(image[start : start + 20])
        census.clean(block, encode(block.values, Units.DB), num_seen=10 if start else 0)
    assert census.num_valid_px == image.size
    assert census.num_implausible_px == (image == -9999).sum()


@given(st.floats(allow_nan=False, width=64), st.sampled_from(list(Units)))
def test_any_number_is_encoded_without_a_warning(value, units):
    census, codes = take_census(np.full((4, 1), value), units)
    assert census.num_valid_px - census.num_implausible_px == np.count_nonzero(codes)
