import math

import numpy as np
import pytest

from analysis.rates.bjontegaard import compare_curves

RATES = np.array([0.125, 0.25, 0.5, 1.0, 2.0])
PSNR_DB = np.array([20.0, 22.0, 25.0, 29.0, 34.0])


def test_half_the_rate_at_every_psnr_saves_half_the_bits():
    delta = compare_curves("half", RATES / 2, PSNR_DB, "anchor", RATES, PSNR_DB)
    assert delta.bd_rate_percent == pytest.approx(-50)
    assert delta.psnr_overlap == 1


def test_one_db_more_at_every_rate_is_a_bd_psnr_of_one():
    delta = compare_curves("more", RATES, PSNR_DB + 1, "anchor", RATES, PSNR_DB)
    assert delta.bd_psnr_db == pytest.approx(1)
    assert delta.rate_overlap == 1


def test_the_overlap_is_the_share_of_what_either_covers():
    delta = compare_curves("more", RATES, PSNR_DB + 1, "anchor", RATES, PSNR_DB)
    assert delta.psnr_overlap == pytest.approx(13 / 15)
    assert "21.00 to 34.00 dB" in delta.words


def test_curves_without_a_common_psnr_have_no_bd_rate_and_say_so():
    delta = compare_curves("far", RATES, PSNR_DB + 50, "anchor", RATES, PSNR_DB)
    assert math.isnan(delta.bd_rate_percent)
    assert delta.bd_psnr_db == pytest.approx(50)
    assert "no common PSNR" in delta.words


@pytest.mark.parametrize("count", [0, 1, 3])
def test_three_points_are_no_curve(count):
    delta = compare_curves("few", RATES[:count], PSNR_DB[:count], "anchor", RATES, PSNR_DB)
    assert math.isnan(delta.bd_rate_percent)
    assert math.isnan(delta.bd_psnr_db)
    assert f"{count} and 5 points" in delta.words


def test_four_points_are_a_curve():
    delta = compare_curves("four", RATES[:4], PSNR_DB[:4], "anchor", RATES, PSNR_DB)
    assert abs(delta.bd_rate_percent) < 1
