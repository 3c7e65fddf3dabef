"""A search that maximises something else than PSNR is told by that, and apart from others."""

import dataclasses

import pandas as pd
import pytest

from analysis.frames import Frames
from analysis.overview.matrix import compute_status
from analysis.overview.search_scores import compute_search_scores, draw_search_scores
from analysis.runlog import write_runlog
from analysis.searches.figures import share_of
from analysis.searches.learning_curves import compute_learning_curves, draw_learning_curves
from analysis.searches.marginals import compute_marginals
from analysis.searches.progress import (
    compute_sweep_progress,
    draw_sweep_progress,
    reference_scores,
)
from analysis.searches.rung_audit import compute_rung_audit
from analysis.searches.section import study_section
from analysis.study_view import view_studies

TRIALS = [
    {"scores_db": [20.0, 22.0], "best_val_ssim": 0.5},
    {"scores_db": [18.0, 19.0], "best_val_ssim": 0.7, "proposed_by": "hand_set"},
]
SSIM = [0.4, 0.5, 0.6, 0.7]


@pytest.fixture
def frames(make_frames) -> Frames:
    """A search that maximises SSIM; its sharpest trial is not its most similar one."""
    rung = {"rung_epoch": 1, "cutoff": 0.4, "kept": True, "audited": False}
    found = make_frames(
        TRIALS,
        rungs=[rung | {"trial_number": 0, "value": 0.4}, rung | {"trial_number": 1, "value": 0.6}],
        references=[("block_klt", 21.0)],
    )
    return dataclasses.replace(
        found,
        trials=found.trials.assign(objective="ssim"),
        epochs=found.epochs.assign(val_ssim=SSIM),
        references=found.references.assign(ssim=0.55),
    )


@pytest.fixture
def view(frames):
    return view_studies(frames)[0]


def test_trials_are_ranked_by_the_objective(view):
    assert list(view.scored["label"]) == ["t001", "t000"]


def test_curves_show_the_objective(view):
    figure = draw_learning_curves(compute_learning_curves(view))
    assert figure.layout.yaxis.title.text == "validation SSIM"
    assert {y for trace in figure.data if trace.mode == "markers" for y in trace.y} == {0.5, 0.7}


def test_progress_and_its_lines_are_scores_of_the_objective(view):
    result = compute_sweep_progress(view)
    assert list(result.steps["best_val_ssim"]) == [0.4, 0.5, 0.6, 0.7]
    names = [trace.name for trace in draw_sweep_progress(result).data]
    assert names[1:] == ["block KLT 0.5500", "hand-set values 0.7000"]


def test_no_line_is_scored_by_ms_ssim(view):
    trials = view.trials.assign(objective="ms_ssim")
    assert reference_scores(dataclasses.replace(view, trials=trials)) == {}


def test_marginals_are_means_of_the_objective(view):
    values = compute_marginals(view).values
    of_width = values[(values["dimension"] == "base_channels") & (values["value"] == "16")]
    assert of_width["mean_best"].item() == pytest.approx(0.6)
    assert of_width["first_rung_mean"].item() == pytest.approx(0.5)


def test_the_rungs_have_cutoffs_without_a_unit(view):
    assert compute_rung_audit(view).rungs["cutoff"].tolist() == [0.4]
    rungs = study_section(view, share_of(1)).tables[-1]
    assert "last cutoff" in rungs.frame.columns


def test_the_title_names_the_objective(view):
    assert view.title.endswith(", objective SSIM")


def test_the_run_log_tells_scores_of_the_objective(frames):
    text = write_runlog(frames)
    assert "- objective: SSIM, which every score below is" in text
    assert "- best: t001, 0.7000 with" in text
    assert "- against block KLT, the linear optimum per block: +0.1500" in text


def test_studies_of_different_objectives_never_share_a_matrix(frames):
    of_psnr = frames.trials.assign(objective="psnr", study="other")
    both = dataclasses.replace(frames, trials=pd.concat([frames.trials, of_psnr]))
    cells = sorted(matrix.cells.loc["baseline", "16x"] for matrix in compute_status(both))
    assert [cell.splitlines()[0] for cell in cells] == ["0.7000", "22.00"]
    assert {scores.objective.name for scores in compute_search_scores(both)} == {"psnr", "ssim"}


def test_epochs_without_the_score_of_the_objective_are_told(make_frames):
    frames = make_frames([TRIALS[0] | {"objective": "ms_ssim", "best_val_ms_ssim": 0.9}])
    assert "has it in every epoch, found the epochs of" in frames.notes[0]


def test_scores_by_ms_ssim_are_drawn_without_reference_lines(make_frames):
    """No linear codec was scored by it."""
    scored = {"objective": "ms_ssim", "best_val_ms_ssim": 0.9}
    frames = make_frames([TRIALS[0] | scored])
    (scores,) = compute_search_scores(frames)
    assert [trace.name for trace in draw_search_scores(scores).data] == ["baseline"]
