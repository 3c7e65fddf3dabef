import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from analysis.rates.curves import compute_rate_distortion
from analysis.rates.figure import draw_rate_distortion
from analysis.rates.floor import speckle_db

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def result(rate_distortion):
    return rate_distortion


def curve(panel, name):
    return next(curve for curve in panel.curves if curve.name == name)


def test_bounds_are_never_mixed_and_the_larger_set_of_images_comes_first(result):
    bounds = [(p.footing.low_db, p.footing.high_db, p.num_images) for p in result.panels]
    assert bounds == [(-17.5, 0.0, 12), (-22.0, 3.0, 4)]


def test_a_point_is_the_mean_over_seeds_and_images_of_the_best_candidate(result, recorded):
    rows = recorded.test[
        (recorded.test["study"] == "baseline_full_c16_cr16x_20260102_000000")
        & (recorded.test["candidate"] == "c1")
        & (recorded.test["group"] == "north")
        & recorded.test["rate_bpp"].isna()
    ]
    point = next(p for p in curve(result.panels[0], "baseline").uncoded if p.ratio == 16)
    assert point.psnr_db.mean == pytest.approx(rows["psnr_db"].mean())
    assert point.rmse_db.mean == pytest.approx(rows["rmse_db"].mean())
    assert (point.num_seeds, point.num_images) == (3, 12)
    assert point.psnr_db.low < point.psnr_db.mean < point.psnr_db.high


def test_the_candidate_shown_is_the_one_that_won_on_validation(result, recorded):
    """At 4x attention's c2 won."""
    rows = recorded.test[
        (recorded.test["study"] == "attention_full_c64_cr4x_20260102_000000")
        & (recorded.test["candidate"] == "c2")
        & (recorded.test["group"] == "north")
        & recorded.test["rate_bpp"].isna()
    ]
    point = next(p for p in curve(result.panels[0], "attention").uncoded if p.ratio == 4)
    assert point.psnr_db.mean == pytest.approx(rows["psnr_db"].mean())


def test_a_coded_point_is_the_mean_over_all_seeds_though_each_chose_its_own_steps(result, recorded):
    rows = recorded.test[
        (recorded.test["study"] == "baseline_full_c16_cr16x_20260102_000000")
        & (recorded.test["candidate"] == "c1")
        & (recorded.test["group"] == "north")
        & recorded.test["rate_bpp"].notna()
    ]
    assert rows["quantiser_step"].nunique() == 15
    finest_of_each = rows[
        rows["quantiser_step"] == rows.groupby("run")["quantiser_step"].transform("min")
    ]
    coded = [p for p in curve(result.panels[0], "baseline").coded if p.ratio == 16]
    assert [point.num_seeds for point in coded] == [3] * 5
    finest = max(coded, key=lambda point: point.rate_bpp)
    assert finest.psnr_db.mean == pytest.approx(finest_of_each["psnr_db"].mean())
    assert finest.rate_bpp == pytest.approx(finest_of_each["rate_bpp"].mean())


def test_the_front_rises_in_rate_and_psnr(result):
    front = [point for _, point in result.panels[0].front]
    assert all(np.diff([point.rate_bpp for point in front]) > 0)
    assert all(np.diff([point.psnr_db.mean for point in front]) > 0)


def test_the_leader_is_told_with_its_paired_lead(result):
    lead = next(lead for lead in result.panels[0].leads if lead.ratio == 16)
    assert (lead.best, lead.second) == ("attention", "baseline")
    assert lead.ahead_db.mean == pytest.approx(0.62, abs=0.05)
    assert 0 < lead.ahead_db.low < lead.ahead_db.mean < lead.ahead_db.high


def test_hevc_was_made_one_db_better_than_jpeg2000_and_is_found_so(result):
    delta = next(d for d in result.panels[0].deltas if d.curve == "hevc_intra")
    assert delta.bd_psnr_db == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("looks", "expected_db"), [(1, 5.57), (4.4, 2.2), (5, 2.04), (18, 1.04), (36, 0.73)]
)
def test_the_speckle_floor_agrees_with_published_numbers(looks, expected_db):
    assert speckle_db(looks) == pytest.approx(expected_db, abs=0.01)


def test_the_floor_follows_the_bounds(result):
    for panel in result.panels:
        assert panel.floor_psnr_db == pytest.approx(
            20 * math.log10(panel.footing.range_db / panel.floor_rmse_db)
        )


def test_without_promotions_there_is_no_panel_but_a_reason(recorded):
    empty = dataclasses.replace(recorded, test=recorded.test.iloc[:0])
    result = compute_rate_distortion(empty)
    assert result.panels == ()
    assert result.notes == ("no promoted run has test scores yet",)
    assert len(draw_rate_distortion(result).data) == 0


def test_one_seed_and_one_ratio_and_no_codec_still_make_a_panel(recorded):
    test = recorded.test
    few = test[(test["seed"] == 0) & (test["ratio"] == 16) & (test["arch"] == "baseline")]
    alone = dataclasses.replace(recorded, test=few, codecs=recorded.codecs.iloc[:0])
    panel = compute_rate_distortion(alone).panels[0]
    assert [c.name for c in panel.curves] == ["baseline"]
    assert panel.leads[0].second == ""
    assert panel.deltas == ()
    assert len(panel.notes) == 5  # five codecs without scores


def test_a_codec_that_fails_on_an_image_loses_that_setting_only(recorded):
    codecs = recorded.codecs
    image = codecs["image"].iloc[0]
    fails = (codecs["codec"] == "hevc_intra") & (codecs["ratio"] == 64) & (codecs["image"] == image)
    panel = compute_rate_distortion(dataclasses.replace(recorded, codecs=codecs[~fails])).panels[0]
    assert [p.ratio for p in curve(panel, "hevc_intra").coded] == [32, 16, 8, 4]
    assert panel.notes[0] == "hevc_intra at nominal 64x left out: it has 11 of 12 images"
    assert panel.num_images == 12


def test_scores_that_are_not_finite_are_left_out_and_counted(recorded):
    test = recorded.test.copy()
    test.loc[test.index[:3], "psnr_db"] = [math.nan, math.inf, math.nan]
    result = compute_rate_distortion(dataclasses.replace(recorded, test=test))
    assert result.notes[0].startswith("3 test scores left out")
    assert all(math.isfinite(p.psnr_db.mean) for c in result.panels[0].curves for p in c.uncoded)


def test_another_corpus_gets_a_panel_of_its_own(recorded):
    other = recorded.test.assign(corpus_fingerprint="d1" * 8, study=recorded.test["study"] + "b")
    both = dataclasses.replace(recorded, test=pd.concat([recorded.test, other]))
    fingerprints = [p.footing.corpus_fingerprint for p in compute_rate_distortion(both).panels]
    assert sorted(fingerprints) == ["c0" * 8, "c0" * 8, "d1" * 8, "d1" * 8]


def test_of_two_promotions_the_newer_is_shown_and_the_older_named(recorded):
    study = "baseline_full_c16_cr16x_20260102_000000"
    older = recorded.test[recorded.test["study"] == study].assign(
        study="baseline_full_c16_cr16x_20251231_235959"
    )
    both = dataclasses.replace(recorded, test=pd.concat([recorded.test, older]))
    notes = compute_rate_distortion(both).notes
    assert notes == (
        "baseline_full_c16_cr16x_20251231_235959: a newer promotion of the same cell is shown "
        "instead",
    )


@pytest.mark.parametrize("metric", ["psnr_db", "ssim", "rmse_db"])
@pytest.mark.parametrize("against", ["ratio", "rate"])
def test_every_figure_has_a_trace_per_curve_and_names_its_bounds(result, metric, against):
    figure = draw_rate_distortion(result, 0, metric, against)
    names = {trace.name for trace in figure.data}
    assert {"baseline", "attention", "JPEG2000", "HEVC intra"} <= names
    assert "bounds [-17.5, 0] dB" in figure.layout.title.text
    assert "SYNTHETIC" in figure.layout.title.text


def test_published_points_of_the_predecessor_are_labelled_as_other_data(result):
    by_ratio = {trace.name for trace in draw_rate_distortion(result, against="ratio").data}
    by_rate = {trace.name for trace in draw_rate_distortion(result, against="rate").data}
    assert "predecessor, other data" in by_ratio
    assert "predecessor, other data" not in by_rate


def test_an_unknown_metric_is_refused(result):
    with pytest.raises(ValueError, match="found 'mse'"):
        draw_rate_distortion(result, metric="mse")
