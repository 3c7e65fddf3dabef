import dataclasses
import math

import numpy as np
import pytest

from analysis.promotions.differences import compute_promotions
from analysis.promotions.figures import draw_differences, draw_seeds, draw_winners_curse
from analysis.promotions.strata import compute_strata, draw_strata


@pytest.fixture(scope="module")
def promotion(recorded):
    return compute_promotions(recorded)[0]


def test_every_pair_is_tested_once(promotion):
    """Six cells: two candidates against the control, and the best against the runner-up."""
    pairs = promotion.differences
    assert len(pairs) == 6 * 3
    unordered = {
        (row["study"], frozenset((row["candidate"], row["other"]))) for _, row in pairs.iterrows()
    }
    assert len(unordered) == len(pairs)


def test_p_is_wilcoxons_over_the_means_of_the_images(promotion, recorded):
    from scipy.stats import wilcoxon

    row = promotion.differences.iloc[0]
    scores = recorded.validation[recorded.validation["study"] == row["study"]]
    wide = scores.pivot_table(index="image", columns="candidate", values="psnr_db", aggfunc="mean")
    expected = wilcoxon(wide[row["candidate"]] - wide[row["other"]]).pvalue
    assert row["p"] == pytest.approx(expected)
    assert row["num_images"] == 8


def test_p_is_of_the_seeds_that_both_have(promotion, recorded):
    """A candidate that was raced out after its first seed is compared on that seed alone."""
    from scipy.stats import wilcoxon

    row = promotion.differences.iloc[0]
    scores, is_later = recorded.validation, recorded.validation["seed"] > 0
    validation = scores[~(is_later & (scores["candidate"] == row["candidate"]))].copy()
    # Later seeds of the other one, which would turn half of the differences round.
    is_odd = validation["image"].str[-1].astype(int) % 2 == 1
    validation.loc[is_odd & (validation["seed"] > 0), "psnr_db"] = 99.0
    found = compute_promotions(dataclasses.replace(recorded, validation=validation))[0]
    scores = validation[(validation["study"] == row["study"]) & (validation["seed"] == 0)]
    wide = scores.pivot(index="image", columns="candidate", values="psnr_db")
    expected = wilcoxon(wide[row["candidate"]] - wide[row["other"]]).pvalue
    assert found.differences.iloc[0]["p"] == pytest.approx(expected)


def test_holm_corrects_for_all_pairs_of_the_corpus(promotion):
    smallest = promotion.differences["p"].min()
    assert promotion.differences["p_holm"].min() == pytest.approx(min(1, 18 * smallest))


def test_candidates_come_by_ratio_and_the_control_last(promotion):
    first = promotion.verdicts.iloc[:3]
    assert first["candidate"].tolist() == ["c1", "c2", "control"]
    assert first["arch"].tolist() == ["baseline"] * 3
    assert promotion.verdicts["ratio"].is_monotonic_increasing


def test_costs_are_means_over_the_runs_of_the_best_candidate(promotion, recorded):
    runs = recorded.runs
    best = runs[(runs["study"].str.startswith("baseline_full_c16")) & (runs["candidate"] == "c1")]
    cost = promotion.costs[
        (promotion.costs["arch"] == "baseline") & (promotion.costs["ratio"] == 16)
    ].iloc[0]
    assert cost["train_h"] == pytest.approx(best["train_s"].mean() / 3600)
    assert cost["ms_per_image"] == pytest.approx(1000 * 60 / (30 * 8))


def test_without_per_image_scores_there_is_no_p_but_still_an_interval(recorded):
    blind = dataclasses.replace(recorded, validation=recorded.validation.iloc[:0])
    pairs = compute_promotions(blind)[0].differences
    assert pairs["p"].isna().all()
    assert pairs["p_holm"].isna().all()
    assert pairs["mean_db"].notna().all()


def test_one_seed_without_intervals_is_drawn(recorded):
    alone = dataclasses.replace(
        recorded,
        runs=recorded.runs[recorded.runs["seed"] == 0],
        verdicts=recorded.verdicts.assign(val_psnr_low_db=math.nan, val_psnr_high_db=math.nan),
    )
    promotion = compute_promotions(alone)[0]
    assert len(draw_seeds(promotion, 16).data) == 4
    assert len(draw_winners_curse(promotion).data) == 3


def test_runs_that_have_no_verdict_yet_are_shown_as_dots(recorded):
    running = dataclasses.replace(recorded, verdicts=recorded.verdicts.iloc[:0])
    promotion = compute_promotions(running)[0]
    assert promotion.differences.empty
    assert len(draw_seeds(promotion, 16).data[0].y) == 9


def test_nothing_promoted_is_nothing_to_say(recorded):
    assert compute_promotions(dataclasses.replace(recorded, runs=recorded.runs.iloc[:0])) == ()


def test_the_forest_has_one_mark_per_difference(promotion):
    figure = draw_differences(promotion, "control")
    assert sum(len(trace.x) for trace in figure.data) == 12


def test_thirds_have_as_many_images_as_each_other_give_or_take_one(recorded):
    scores = compute_strata(recorded)[0].scores
    counts = scores[scores["kind"] == "texture"].drop_duplicates("stratum")["num_images"]
    assert sorted(counts) == [5, 5, 6]


def test_a_stratum_is_the_mean_over_its_images(recorded):
    scores = compute_strata(recorded)[0].scores
    polarised = scores[(scores["kind"] == "polarisation") & (scores["name"] == "baseline")]
    test = recorded.test
    rows = test[
        (test["study"] == "baseline_full_c16_cr16x_20260102_000000")
        & (test["candidate"] == "c1")
        & test["rate_bpp"].isna()
    ]
    found = polarised[polarised["ratio"] == 16]["rmse_db"].item()
    assert found == pytest.approx(rows.groupby("image")["rmse_db"].mean().mean())


def test_strata_of_nothing_are_none(recorded):
    assert compute_strata(dataclasses.replace(recorded, test=recorded.test.iloc[:0])) == ()


@pytest.mark.parametrize("kind", ["polarisation", "brightness", "texture"])
def test_every_kind_of_stratum_is_drawn_for_networks_and_jpeg2000(recorded, kind):
    figure = draw_strata(compute_strata(recorded)[0], kind)
    assert [trace.name for trace in figure.data] == ["baseline", "attention", "JPEG2000"]
    assert all(np.isfinite(trace.y).all() for trace in figure.data)
