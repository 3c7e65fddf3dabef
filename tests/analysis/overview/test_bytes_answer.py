"""What the first screen says of studies of bytes."""

import dataclasses

import pytest

import analysis
from analysis.overview.answer import answer_sections
from analysis.overview.sentences import answer_sentences
from analysis.rates.curves import compute_rate_distortion
from tests.analysis.made_of_bytes import write_promotion, write_search

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def said(frames, rates_of_bytes):
    """The sentences about the made-up tables as they are."""
    return answer_sentences(frames, rates_of_bytes.panels[0])


def sentences(frames):
    return answer_sentences(frames, compute_rate_distortion(frames).panels[0])


def without(frames, arch):
    tables = {
        name: getattr(frames, name)[getattr(frames, name)["arch"] != arch]
        for name in ("trials", "runs", "test", "verdicts")
    }
    return dataclasses.replace(frames, **tables)


def test_the_first_sentence_says_how_many_bytes_are_saved_and_where(said):
    first = said[0]
    assert first.startswith("Attention needs 20.2 % fewer bytes [20.0, 20.4] than JPEG2000")
    assert "between 0.11 and 1.7 bit per pixel (BD-rate" in first
    assert "the best of 3 that were trained for 5 ratios" in first


def test_more_bytes_are_told_as_more(frames):
    only_baseline = without(without(frames, "attention"), "linear")
    assert "Baseline needs 9.7 % more bytes [9.4, 9.9] than" in sentences(only_baseline)[0]


def test_one_ratio_is_told_at_its_trained_point(tmp_path):
    write_promotion(tmp_path, "attention", 16)
    first = sentences(analysis.load(tmp_path))[0]
    assert "at 0.5 bit per pixel (mean over the points that it was trained for" in first


def test_the_second_says_whether_a_network_pays_and_for_how_much_training(said):
    second = said[1]
    assert "attention is 0.62 dB above at 16x [+0.57, +0.66]" in second
    assert "for 6 times its training time (6.0 h and 1.0 h)" in second
    assert "at 5 of 5 ratios" in second


def test_an_interval_across_zero_is_not_told_apart(frames):
    test = frames.test.copy()
    is_linear = (test["arch"] == "linear") & (test["ratio"] == 16)
    test.loc[is_linear, "psnr_db"] += 0.62
    second = sentences(dataclasses.replace(frames, test=test))[1]
    assert "at 16x [-0.05, +0.04], not told apart" in second
    assert "at 4 of 5 ratios" in second


def test_without_a_linear_codec_the_command_for_one_is_given(frames):
    second = sentences(without(frames, "linear"))[1]
    assert "python -m tune.search --arch linear --ratio 4,8,16,32,64" in second


def test_a_linear_codec_that_was_only_searched_is_to_be_promoted(tmp_path):
    write_promotion(tmp_path, "attention", 16)
    write_search(tmp_path, "linear", 16)
    second = sentences(analysis.load(tmp_path))[1]
    assert "tune.promote --study linear_quick_0.5bpp_cr16x_20260228_000000" in second


def test_what_is_below_is_named(said):
    third = said[2]
    assert "below JPEG2000: 4x baseline by 0.69 dB" in third
    assert "below linear (trained): 4x baseline by 1.46 dB" in third


def test_where_nothing_is_below_that_is_said(frames):
    third = sentences(without(frames, "baseline"))[2]
    assert third == "No trained point is below JPEG2000 or the trained linear codec."


def test_the_best_per_ratio_is_at_the_target_rate(said):
    assert "test PSNR at 8 / ratio bit per pixel: 4x attention 35.45 dB" in said[3]


def test_the_answer_of_bytes_has_one_figure_against_the_rate(frames, rates_of_bytes):
    (section,) = answer_sections(frames, rates_of_bytes)
    assert [figure.name for figure in section.figures] == ["answer_psnr_rate"]


def test_the_linear_codec_alone_is_an_answer_too(frames):
    alone = sentences(without(without(frames, "attention"), "baseline"))
    assert alone[0].startswith("Linear (trained) needs 10.3 % fewer bytes")
    assert "no ratio has both a network and the trained linear codec" in alone[1]
    assert "No network has coded test scores" in alone[-2]
