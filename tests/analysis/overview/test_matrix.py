import dataclasses
import math

from analysis.overview.matrix import compute_status


def cell(frames, arch, ratio):
    return compute_status(frames)[0].cells.loc[arch, f"{ratio}x"]


def test_a_cell_has_the_verdict_and_the_best_quick_score(recorded):
    assert cell(recorded, "baseline", 16).splitlines() == [
        "full 21.16 [21.01, 21.31]",
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


def test_a_study_whose_trials_never_scored_says_so(recorded):
    trials = recorded.trials.assign(best_val_psnr_db=math.nan)
    assert "quick no score" in cell(dataclasses.replace(recorded, trials=trials), "resnet", 64)


def test_scores_on_other_pixels_are_in_a_matrix_of_their_own(recorded):
    trials = recorded.trials.copy()
    trials.loc[trials["arch"] == "resnet", "crop_px"] = 64
    matrices = compute_status(dataclasses.replace(recorded, trials=trials))
    assert [matrix.num_cells for matrix in matrices] == [6, 1]
    assert "64 px" in matrices[1].words
