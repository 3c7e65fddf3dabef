import dataclasses
import math
from pathlib import Path

import pandas as pd

from analysis.overview.matrix import compute_status
from tune.results.standings import read_promotions
from tune.statistics.matrix import promoted_score

RECORDED = Path(__file__).parents[2] / "recorded" / "results"


def cell(frames, arch, ratio):
    return compute_status(frames)[0].cells.loc[arch, f"{ratio}x"]


def test_a_cell_has_the_test_score_and_the_best_quick_score(recorded):
    assert cell(recorded, "baseline", 16).splitlines() == [
        "full 21.06 [20.86, 21.26]",
        "c1, 9 runs",
        "quick 20.25",
        "14 trials",
    ]


def test_every_known_architecture_and_usual_ratio_has_a_cell(recorded):
    cells = compute_status(recorded)[0].cells
    assert cells.index.tolist() == ["baseline", "resnet", "residual", "attention"]
    assert cells.columns.tolist() == ["4x", "8x", "16x", "32x", "64x"]
    assert cells.loc["residual", "8x"] == "-"


def test_trials_without_an_end_are_counted(recorded):
    assert "4 trials, 2 without an end" in cell(recorded, "attention", 16)


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
    assert lines[:2] == cell(recorded, "baseline", 4).splitlines()[:2]
    assert lines[2] == "a newer promotion is not tested yet"


def test_full_means_in_the_report_what_it_means_in_the_status(recorded):
    promotions, _ = read_promotions(RECORDED)
    assert len(promotions) == 6
    for promotion in promotions:
        score = promoted_score(promotion.test_psnr_db)
        words = f"full {score.mean:.2f} [{score.low:.2f}, {score.high:.2f}]"
        assert cell(recorded, *promotion.cell).splitlines()[0] == words


def test_a_study_whose_trials_never_scored_says_so(recorded):
    trials = recorded.trials.assign(best_val_psnr_db=math.nan)
    assert "quick no score" in cell(dataclasses.replace(recorded, trials=trials), "resnet", 64)


def test_scores_on_other_pixels_are_in_a_matrix_of_their_own(recorded):
    trials = recorded.trials.copy()
    trials.loc[trials["arch"] == "resnet", "crop_px"] = 64
    matrices = compute_status(dataclasses.replace(recorded, trials=trials))
    assert [matrix.num_cells for matrix in matrices] == [6, 1]
    assert "64 px" in matrices[1].words
