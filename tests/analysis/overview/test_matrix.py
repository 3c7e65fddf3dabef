import dataclasses
import math
from pathlib import Path

import pandas as pd

from analysis.overview.matrix import compute_status, status_tables
from tune.results.standings import read_promotions
from tune.statistics.matrix import promoted_score

RECORDED = Path(__file__).parents[2] / "recorded" / "results"


def cell(frames, arch, ratio):
    return compute_status(frames)[0].cells.loc[arch, f"{ratio}x"]


def test_a_cell_has_the_test_score_and_the_best_quick_score(recorded):
    assert cell(recorded, "baseline", 16).splitlines() == [
        "21.06",
        "[20.86, 21.26]",
        "c1, 9 runs",
        "quick 20.25",
    ]


def test_every_known_architecture_and_usual_ratio_has_a_cell(recorded):
    cells = compute_status(recorded)[0].cells
    assert cells.index.tolist() == ["baseline", "resnet", "residual", "attention"]
    assert cells.columns.tolist() == ["4x", "8x", "16x", "32x", "64x"]
    assert cells.loc["residual", "8x"] == "-"


def test_trials_without_an_end_are_counted(recorded):
    searches = dataclasses.replace(recorded, runs=recorded.runs.iloc[:0])
    assert "quick, 4 trials, 2 without an end" in cell(searches, "attention", 16)


def test_a_promotion_without_verdicts_says_so(recorded):
    running = dataclasses.replace(recorded, verdicts=recorded.verdicts.iloc[:0])
    assert "full: no verdict yet" in cell(running, "baseline", 4)


def test_a_promotion_that_is_not_tested_yet_says_so(recorded):
    untested = dataclasses.replace(recorded, test=recorded.test.iloc[:0])
    assert "full: no test score yet" in cell(untested, "baseline", 4)


def test_a_newer_promotion_without_test_scores_leaves_the_older_one_shown(recorded):
    runs = recorded.runs[recorded.runs["study"].str.startswith("baseline_full_c64_cr4x")]
    newer = runs.assign(study="baseline_full_c64_cr4x_20270101_000000")
    both = dataclasses.replace(recorded, runs=pd.concat([recorded.runs, newer]))
    lines = cell(both, "baseline", 4).splitlines()
    assert lines[:3] == cell(recorded, "baseline", 4).splitlines()[:3]
    assert lines[3] == "a newer promotion is not tested yet"


def test_full_means_in_the_report_what_it_means_in_the_status(recorded):
    promotions, _ = read_promotions(RECORDED)
    assert len(promotions) == 6
    for promotion in promotions:
        score = promoted_score(promotion.test_psnr_db)
        words = [f"{score.mean:.2f}", f"[{score.low:.2f}, {score.high:.2f}]"]
        assert cell(recorded, *promotion.cell).splitlines()[:2] == words


def test_a_study_whose_trials_never_scored_says_so(recorded):
    trials = recorded.trials.assign(best_val_psnr_db=math.nan)
    assert "no score" in cell(dataclasses.replace(recorded, trials=trials), "resnet", 64)


def test_the_best_of_a_ratio_is_the_darkest_and_the_farthest_behind_the_palest(recorded):
    (table,) = status_tables(recorded)
    shades = table.heat.shades
    assert shades.loc["attention"].dropna().tolist() == [1, 1, 1]
    assert shades.min(axis=None) == 0
    assert table.heat.low == "0.62 dB behind"


def test_a_quick_score_beside_full_ones_has_no_shade(recorded):
    """The images differ, so that it compares with none of them."""
    (table,) = status_tables(recorded)
    assert math.isnan(table.heat.shades.loc["resnet", "64x"])


def test_one_cell_is_no_matrix(recorded):
    trials = recorded.trials[recorded.trials["arch"] == "resnet"]
    alone = dataclasses.replace(recorded, trials=trials, runs=recorded.runs.iloc[:0])
    assert status_tables(alone) == ()


def test_scores_on_other_pixels_are_in_a_matrix_of_their_own(recorded):
    trials = recorded.trials.copy()
    trials.loc[trials["arch"] == "resnet", "crop_px"] = 64
    matrices = compute_status(dataclasses.replace(recorded, trials=trials))
    assert [matrix.num_cells for matrix in matrices] == [6, 1]
    assert "64 px" in matrices[1].words
