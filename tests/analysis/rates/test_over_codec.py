"""Every line above JPEG2000, from tables in which that is known."""

import dataclasses

import numpy as np
import pytest

from analysis.rates.curves import compute_rate_distortion
from analysis.rates.figure import draw_rate_distortion
from analysis.rates.shown import rate_distortion_frame
from tests.analysis.made_of_bytes import psnr_of
from tests.recorded.make import jpeg2000_psnr_db


@pytest.fixture(scope="module")
def result(rates_of_bytes):
    return rates_of_bytes


def gains_of(result, curve):
    return {one.ratio: one.gain_db for one in result.panels[0].over_jpeg2000 if one.curve == curve}


@pytest.mark.parametrize("arch", ["attention", "baseline", "linear"])
def test_a_trained_point_is_as_far_above_as_was_made_up(result, arch):
    for ratio, gain_db in gains_of(result, arch).items():
        truth_db = psnr_of(arch, 8 / ratio) - jpeg2000_psnr_db(8 / ratio)
        assert gain_db.mean == pytest.approx(truth_db, abs=1e-3)
        assert gain_db.low < gain_db.mean < gain_db.high


def test_jpeg2000_is_above_itself_by_nothing(result):
    gains = gains_of(result, "jpeg2000").values()
    assert [gain.mean for gain in gains] == pytest.approx([0.0] * 5)


def test_how_hard_an_image_is_cancels(result):
    """The images differ by a decibel; the intervals are those of the seeds alone."""
    panel = result.panels[0]
    own = next(curve for curve in panel.curves if curve.name == "attention")
    gain_db = gains_of(result, "attention")[16]
    point = next(point for point in own.trained if point.ratio == 16)
    assert gain_db.high - gain_db.low < (point.psnr_db.high - point.psnr_db.low) / 2


def test_a_rate_far_beyond_those_of_jpeg2000_is_not_compared(frames):
    is_low = (frames.codecs["codec"] == "jpeg2000") & (frames.codecs["ratio"] == 64)
    short = dataclasses.replace(frames, codecs=frames.codecs[~is_low])
    assert sorted(gains_of(compute_rate_distortion(short), "attention")) == [4, 8, 16, 32]


def test_without_jpeg2000_the_figure_has_one_part(frames):
    codecs = frames.codecs[frames.codecs["codec"] != "jpeg2000"]
    found = compute_rate_distortion(dataclasses.replace(frames, codecs=codecs))
    assert found.panels[0].over_jpeg2000 == ()
    assert "yaxis2" not in draw_rate_distortion(found).layout


def test_both_parts_share_their_rates_and_do_not_overlap(result):
    layout = draw_rate_distortion(result).layout
    assert layout.xaxis.anchor == "y2"
    assert layout.yaxis2.domain[1] < layout.yaxis.domain[0]


def test_the_numbers_of_both_parts_are_in_one_file(result):
    frame = rate_distortion_frame(result.panels[0], "psnr_db", "rate")
    own = frame[(frame["curve"] == "attention") & (frame["step_scale"] == 1)]
    assert np.isfinite(own["over_jpeg2000_db"]).all()
    assert (own["over_jpeg2000_low_db"] < own["over_jpeg2000_high_db"]).all()
