"""Best so far, learning curves and the gap, in studies small enough to count by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.page.palette import OUTCOMES
from analysis.searches.generalisation_gap import compute_generalisation_gap, draw_generalisation_gap
from analysis.searches.learning_curves import (
    MAX_POINTS,
    compute_learning_curves,
    draw_learning_curves,
)
from analysis.searches.progress import compute_sweep_progress, draw_sweep_progress
from analysis.study_view import view_studies


def test_the_best_so_far_counts_the_epochs_of_all_trials_as_they_were_heard(make_view):
    # Side by side, 12 s per epoch, the second half an epoch later: t0 t1 t0 t1.
    view = make_view(
        [{"scores_db": [18.0, 20.0], "start_s": 0.0}, {"scores_db": [19.0, 19.5], "start_s": 6.0}]
    )
    steps = compute_sweep_progress(view).steps
    assert list(steps["epochs_spent"]) == [1, 2, 3, 4]
    assert list(steps["best_val_psnr_db"]) == [18.0, 19.0, 20.0, 20.0]
    assert list(steps["trial"].str[-4:]) == ["t000", "t001", "t000", "t000"]


def test_a_tie_is_no_improvement_and_the_line_goes_to_the_end(make_view):
    steps = compute_sweep_progress(make_view([{"scores_db": [20.0, 20.0, 20.0]}])).steps
    assert list(steps["epochs_spent"]) == [1, 3]


def test_the_hand_set_trial_and_the_linear_lines_are_what_is_to_beat(make_view):
    view = make_view(
        [{"scores_db": [18.0, 19.0], "proposed_by": "hand_set"}, {"scores_db": [20.0]}],
        references=[("block_klt", 21.0)],
    )
    result = compute_sweep_progress(view)
    assert result.hand_set == 19.0
    names = [trace.name for trace in draw_sweep_progress(result).data]
    assert names[0] == "best so far"
    assert names[1:] == ["block KLT 21.00 dB", "hand-set values 19.00 dB"]


def test_long_curves_keep_their_first_and_last_epoch_and_few_between(make_view):
    scores_db = np.linspace(10.0, 20.0, 3 * MAX_POINTS + 7).tolist()
    points = compute_learning_curves(make_view([{"scores_db": scores_db}])).points
    assert len(points) <= MAX_POINTS + 1
    assert (points["epoch"].iloc[0], points["epoch"].iloc[-1]) == (1, len(scores_db))


def test_of_many_trials_the_best_and_one_of_every_outcome_are_shown(make_view):
    trials = [{"scores_db": [10.0 + number]} for number in range(30)]
    trials[3] |= {"outcome": "diverged"}
    trials[4] |= {"outcome": None}
    curves = compute_learning_curves(make_view(trials), max_curves=10)
    shown = curves.points.groupby("trial_number")["outcome"].first()
    assert (curves.num_trials, curves.num_shown, len(shown)) == (30, 10, 10)
    assert {25, 26, 27, 28, 29} <= set(shown.index)
    assert {"diverged", "running", "completed"} == set(shown)
    assert curves.best_trial == 29
    assert "10 of 30 trials" in curves.words


def test_outcomes_of_curves_differ_in_dash_and_mark_not_only_in_colour(make_view):
    outcomes = ["completed", "stopped", "diverged"]
    view = make_view([{"scores_db": [18.0, 19.0], "outcome": name} for name in outcomes])
    traces = draw_learning_curves(compute_learning_curves(view)).data
    dashes = {trace.line.dash for trace in traces if trace.mode == "lines"}
    symbols = {trace.marker.symbol for trace in traces if trace.mode == "markers"}
    assert len(dashes) == len(symbols) == 3
    assert symbols == {OUTCOMES[name].symbol for name in outcomes}


def test_a_curve_does_not_run_into_the_next_one(make_view):
    view = make_view([{"scores_db": [18.0, 19.0]}, {"scores_db": [17.0, 18.0]}])
    lines = [
        trace
        for trace in draw_learning_curves(compute_learning_curves(view)).data
        if trace.mode == "lines"
    ]
    assert all(np.isnan(trace.y).sum() == len(trace.y) // 3 for trace in lines)


@pytest.mark.parametrize("rungs", [[], [{"trial_number": 0, "rung_epoch": 1, "kept": True}]])
def test_rungs_are_lines_at_their_epochs(make_view, rungs):
    figure = draw_learning_curves(
        compute_learning_curves(make_view([{"scores_db": [18.0, 19.0]}], rungs=rungs))
    )
    assert [shape.x0 for shape in figure.layout.shapes] == [rung["rung_epoch"] for rung in rungs]


def test_the_gap_is_that_of_the_best_epoch_and_missing_without_one(make_view):
    view = make_view([{"scores_db": [20.0], "psnr_gap_db": 1.5}, {"outcome": "failed"}])
    result = compute_generalisation_gap(view)
    assert (result.best_gap_db, result.median_gap_db, len(result.marks)) == (1.5, 1.5, 1)
    assert len(draw_generalisation_gap(result).data) == 1


def test_scores_that_are_no_number_count_as_missing(make_frames):
    frames = make_frames([{"scores_db": [20.0, 21.0]}, {"scores_db": [19.0]}])
    trials = frames.trials.assign(best_val_psnr_db=[np.inf, 19.0])
    epochs = frames.epochs.assign(val_psnr_db=[np.nan, np.inf, 19.0])
    (view,) = view_studies(replace(frames, trials=trials, epochs=epochs))
    assert list(view.scored["label"]) == ["t001"]
    assert list(view.epochs["trial_number"]) == [1]
    assert pd.isna(view.trials["best_val_psnr_db"].iloc[0])
