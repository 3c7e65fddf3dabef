"""Curves, deltas and savings of models that were trained for a rate."""

import dataclasses

import numpy as np
import pytest

import analysis
from analysis.rates.curves import compute_rate_distortion
from analysis.rates.figure import draw_rate_distortion
from analysis.rates.points import RatePoint, operating_line
from analysis.rates.section import rate_sections
from analysis.rates.shown import rate_distortion_frame
from tests.analysis.made_of_bytes import (
    NEEDS,
    RATIOS,
    WEAKER_DB,
    exact_percent,
    psnr_of,
    write_promotion,
)
from tune.statistics.intervals import Interval

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result(rates_of_bytes):
    return rates_of_bytes


@pytest.fixture(scope="module")
def panel(result):
    return result.panels[0]


def curve(panel, name):
    return next(curve for curve in panel.curves if curve.name == name)


def panel_of(results):
    return compute_rate_distortion(analysis.load(results)).panels[0]


def point(ratio, scale, rate_bpp, psnr_db):
    score = Interval(psnr_db)
    return RatePoint(ratio, 0.1, scale, rate_bpp, score, score, score, 0.9, 3, 12)


def test_three_points_per_ratio_one_of_them_trained(panel):
    found = curve(panel, "attention")
    assert len(found.coded) == 3 * len(RATIOS)
    assert [p.ratio for p in found.trained] == [64, 32, 16, 8, 4]


def test_a_point_is_the_mean_over_seeds_of_equal_scale(panel):
    trained = next(p for p in curve(panel, "attention").trained if p.ratio == 16)
    assert (trained.num_seeds, trained.step_scale) == (3, 1.0)
    assert trained.rate_bpp == pytest.approx(0.5)


def test_other_steps_carry_the_line_on_at_its_ends_only(panel):
    line = curve(panel, "attention").front
    assert [p.step_scale for p in line] == [1.4, 1, 1, 1, 1, 1, 0.7]
    assert (line[0].ratio, line[-1].ratio) == (64, 4)


def test_a_step_that_beats_a_trained_point_does_not_enter_between_them():
    better = point(16, 0.7, 0.6, 29.0)
    line = operating_line(
        [point(32, 1, 0.25, 23.0), point(16, 1, 0.5, 26.0), better, point(8, 1, 1.0, 30.0)]
    )
    assert better not in line


def test_a_worse_model_of_a_higher_rate_does_not_bend_the_line():
    worse = point(8, 1, 1.0, 25.0)
    line = operating_line([point(32, 1, 0.25, 23.0), point(16, 1, 0.5, 26.0), worse])
    assert worse not in line


def test_without_a_trained_point_there_is_no_line():
    assert operating_line([point(16, float("nan"), 0.5, 26.0)]) == ()


def test_the_front_of_the_networks_has_neither_other_steps_between_nor_the_linear_codec(panel):
    assert {name for name, _ in panel.front} == {"attention"}
    assert [p.step_scale for _, p in panel.front].count(1) == len(RATIOS)


def test_only_trained_points_have_full_marks(result):
    figure = draw_rate_distortion(result)
    marked = next(t for t in figure.data if t.name == "attention")
    np.testing.assert_allclose(marked.x, [0.125, 0.25, 0.5, 1, 2])
    faint = next(t for t in figure.data if t.name == "attention, a step it was not trained for")
    assert (len(faint.x), faint.opacity) == (10, 0.35)


def test_the_linear_codec_has_a_line_of_its_own_style(result):
    drawn = {t.name: t.line for t in draw_rate_distortion(result).data if t.mode == "lines+markers"}
    own = drawn["linear (trained)"]
    assert own.dash not in {line.dash for name, line in drawn.items() if "linear" not in name}


def test_the_numbers_of_the_figure_say_what_was_trained(panel):
    frame = rate_distortion_frame(panel, "psnr_db", "rate")
    own = frame[frame["curve"] == "attention"]
    assert sorted(own["step_scale"].unique()) == [0.7, 1.0, 1.4]
    assert set(frame["ratio_counts"]) == {"bytes"}


def test_no_figure_is_against_the_ratio_which_says_what_the_rate_says(result):
    (section,) = rate_sections(result)
    assert [f.name for f in section.figures] == ["rate_1_ssim_rate", "rate_1_rmse_db_rate"]


def test_every_architecture_is_compared_with_every_codec_and_the_linear_one(panel):
    codecs = ("jpeg2000", "hevc_intra", "avif", "block_klt")
    wanted = {(arch, codec) for arch in NEEDS for codec in codecs}
    wanted |= {(arch, "linear") for arch in NEEDS if arch != "linear"}
    assert {(delta.curve, delta.anchor) for delta in panel.deltas} == wanted
    assert all("BD-rate over" in delta.words for delta in panel.deltas)


@pytest.mark.parametrize("arch", NEEDS)
def test_the_saving_is_what_was_made_up(panel, arch):
    saving = next(one for one in panel.savings if one.curve == arch)
    assert saving.is_bd
    assert saving.percent.mean == pytest.approx(exact_percent(arch), abs=0.4)
    assert saving.percent.low < saving.percent.mean < saving.percent.high


def test_the_architecture_that_saves_most_comes_first(panel):
    assert [one.curve for one in panel.savings] == ["attention", "linear", "baseline"]


def test_one_ratio_is_no_curve_and_is_compared_at_its_trained_point(tmp_path):
    write_promotion(tmp_path, "attention", 16)
    (saving,) = panel_of(tmp_path).savings
    assert not saving.is_bd
    assert saving.percent.mean == pytest.approx(-20, abs=3)  # JPEG2000 linear between its points
    assert saving.span_bpp == pytest.approx((0.5, 0.5))


def test_two_ratios_and_the_steps_beyond_them_are_a_curve(tmp_path):
    for ratio in (16, 64):
        write_promotion(tmp_path, "attention", ratio)
    assert panel_of(tmp_path).savings[0].is_bd


def test_one_seed_has_the_assumed_scatter_and_a_wider_interval(panel, tmp_path):
    for ratio in RATIOS:
        write_promotion(tmp_path, "attention", ratio, seeds=[0])
    one, three = panel_of(tmp_path).savings[0].percent, panel.savings[0].percent
    assert one.high - one.low > 3 * (three.high - three.low)


def test_without_jpeg2000_nothing_is_said_to_be_saved(frames):
    codecs = frames.codecs[frames.codecs["codec"] != "jpeg2000"]
    found = compute_rate_distortion(dataclasses.replace(frames, codecs=codecs))
    assert found.panels[0].savings == ()


def test_differences_are_taken_at_the_target_rate_where_runs_miss_it(tmp_path):
    """Attention gets four percent more bytes than its target: that is no lead."""
    write_promotion(tmp_path, "attention", 16, off=1.04)
    write_promotion(tmp_path, "linear", 16)
    (over,) = panel_of(tmp_path).over_linear
    truth_db = psnr_of("attention", 0.5) - psnr_of("linear", 0.5)
    gained_db = psnr_of("attention", 0.52) - psnr_of("attention", 0.5)
    assert gained_db > 0.1
    assert over.ahead_db.mean == pytest.approx(truth_db, abs=WEAKER_DB / 4)


def test_what_is_below_jpeg2000_or_the_linear_codec_is_found(panel):
    below = {(one.arch, one.ratio, one.opponent) for one in panel.shortfalls}
    assert below == {
        ("baseline", ratio, opponent) for ratio in RATIOS for opponent in ("jpeg2000", "linear")
    }


def test_a_best_candidate_without_a_target_rate_is_in_no_comparison_and_told(frames):
    test = frames.test.copy()
    test.loc[(test["arch"] == "attention") & (test["ratio"] == 16), "step_scale"] = np.nan
    panel = compute_rate_distortion(dataclasses.replace(frames, test=test)).panels[0]
    assert any(
        note.startswith("attention at 16x: its best candidate has no") for note in panel.notes
    )
    assert next(lead for lead in panel.leads if lead.ratio == 16).best == "linear"
