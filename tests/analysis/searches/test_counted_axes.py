"""Axes of epochs and trials have ticks at whole numbers only, in every figure that has one."""

import pandas as pd
import pytest

from analysis.page.axes import MOST_COUNTED, SPENT
from analysis.searches.figures import share_of
from analysis.searches.learning_curves import compute_learning_curves, draw_learning_curves
from analysis.searches.outcome_counts import compute_outcome_counts, draw_outcome_counts
from analysis.searches.progress import compute_sweep_progress, draw_sweep_progress
from analysis.searches.replays import Replays, draw_replays
from analysis.searches.section import study_section


def replayed(view):
    """Replays of a search of as many epochs."""
    last = len(view.epochs)
    curves = pd.DataFrame(
        {
            "setting": "own",
            "share": [0.5, 1.0],
            "epochs_spent": [last / 2, last],
            "hours": 0.1,
            "regret": 0.2,
            "regret_half": 0.1,
        }
    )
    return Replays("", pd.DataFrame(), curves, "dB")


FIGURES = {
    "learning_curves": lambda view: draw_learning_curves(compute_learning_curves(view)),
    "progress": lambda view: draw_sweep_progress(compute_sweep_progress(view)),
    "replays": lambda view: draw_replays(replayed(view)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_of_few_epochs_each_has_a_tick_and_no_half_one(make_view, name):
    axis = FIGURES[name](make_view([{"scores_db": [18.0, 19.0, 20.0]}])).layout.xaxis
    assert (axis.dtick, axis.rangemode) == (1, "tozero")


@pytest.mark.parametrize("name", FIGURES)
def test_of_many_epochs_the_drawing_chooses(make_view, name):
    scores_db = [18.0] * (MOST_COUNTED + 1)
    assert FIGURES[name](make_view([{"scores_db": scores_db}])).layout.xaxis.dtick is None


def test_of_few_trials_each_has_a_tick(make_view):
    view = make_view([{"scores_db": [18.0]}, {"outcome": "diverged"}])
    assert draw_outcome_counts(compute_outcome_counts(view)).layout.xaxis.dtick == 1


@pytest.mark.slow
def test_no_figure_of_a_study_has_another_axis_of_epochs(make_view):
    trial = {"scores_db": [18.0, 19.0, 20.0], "learning_rate": 1e-3}
    view = make_view([trial, trial | {"learning_rate": 3e-3}, trial | {"outcome": "stopped"}])
    axes = [
        axis
        for one in study_section(view, share_of(1)).figures
        for axis in one.figure.select_xaxes()
    ]
    of_epochs = {axis.title.text: axis.dtick for axis in axes if "epoch" in (axis.title.text or "")}
    assert of_epochs == {"epoch": 1, SPENT: 1}
