"""What searched values gave: scatter, parallel coordinates, importance, marginals, edges."""

import numpy as np
import pytest

from analysis.page.axes import log_ticks, shade_of
from analysis.searches.importance_bars import compute_importance_bars, draw_importance_bars
from analysis.searches.marginals import compute_marginals
from analysis.searches.parallel_coordinates import (
    compute_parallel_coordinates,
    draw_parallel_coordinates,
)
from analysis.searches.sensitivity import compute_sensitivity, draw_sensitivity

SCHEDULE = {
    "dimension": "schedule", "kind": "categorical", "low": None, "high": None,
    "is_log": False, "choices": "plateau,cosine", "unit": "",
}  # fmt: skip


def rows_of(marginals, dimension):
    values = marginals.values
    return values[values["dimension"] == dimension].set_index("value")


def test_marginals_count_and_average_by_hand(make_view):
    view = make_view(
        [
            {"scores_db": [18.0, 20.0], "base_channels": 8},
            {"scores_db": [17.0, 19.0], "base_channels": 8, "outcome": "diverged"},
            {"scores_db": [], "base_channels": 16, "outcome": "out_of_memory"},
            {"scores_db": [16.0], "base_channels": 16, "outcome": None},
        ],
        rungs=[{"trial_number": n, "rung_epoch": 1, "kept": True} for n in (0, 1, 3)],
    )
    rows = rows_of(compute_marginals(view), "base_channels")
    assert list(rows.index) == ["8", "16", "32"]
    assert list(rows["num_trials"]) == [2, 2, 0]
    assert list(rows["num_scored"]) == [2, 1, 0]
    assert rows.loc["8", "mean_best"] == 19.5
    assert rows.loc["8", "max_best"] == 20.0
    assert rows.loc["8", "first_rung_mean"] == 17.5
    assert rows.loc["8", "crash_rate"] == 0.5
    assert rows.loc["16", "crash_rate"] == 1.0  # the running one is not over
    assert np.isnan(rows.loc["32", "crash_rate"])


def test_every_trial_is_in_one_row_of_each_dimension(make_view):
    rates = np.geomspace(1e-4, 1e-2, 11)
    view = make_view([{"scores_db": [20.0], "learning_rate": float(rate)} for rate in rates])
    counts = compute_marginals(view).values.groupby("dimension")["num_trials"].sum()
    assert set(counts) == {11}
    assert len(rows_of(compute_marginals(view), "warmup_epochs")) == 4


def test_the_best_value_at_an_edge_is_found_and_a_tie_is_the_earlier_trial(make_view):
    view = make_view(
        [
            {"scores_db": [20.0], "learning_rate": 1e-3, "base_channels": 16},
            {"scores_db": [20.0], "learning_rate": 1e-2, "base_channels": 32},
        ]
    )
    assert compute_marginals(view).edges == ()
    view.trials.loc[1, "best_val_psnr_db"] = 20.1
    found = [(edge.dimension.name, edge.end) for edge in compute_marginals(view).edges]
    assert found == [("learning_rate", "upper"), ("base_channels", "upper")]


def test_trials_without_a_score_stand_below_the_others_and_are_named(make_view):
    view = make_view([{"scores_db": [20.0]}, {"scores_db": [18.0]}, {"outcome": "failed"}])
    figure = draw_sensitivity(compute_sensitivity(view))
    heights = [y for trace in figure.data for y in trace.y if y is not None]
    assert sorted(heights) == [pytest.approx(18.0 - 0.24), 18.0, 20.0]
    assert [note.text for note in figure.layout.annotations] == ["no score"]


def test_crashes_have_another_symbol_and_widths_another_shade(make_view):
    view = make_view(
        [
            {"scores_db": [20.0], "base_channels": 8},
            {"scores_db": [19.0], "base_channels": 32, "outcome": "diverged"},
        ]
    )
    marks = [trace for trace in draw_sensitivity(compute_sensitivity(view)).data if trace.x[0]]
    assert len({trace.marker.color for trace in marks}) == 2
    assert [trace.marker.symbol[0] for trace in marks] == ["circle", "x"]


def test_a_logarithmic_dimension_has_a_logarithmic_axis(make_view):
    figure = draw_sensitivity(compute_sensitivity(make_view([{"scores_db": [20.0]}])))
    assert figure.layout.xaxis.type == "log"
    assert min(figure.layout.xaxis.tickvals) >= 1e-4


def test_names_and_single_dimensions_are_drawn_too(make_view):
    view = make_view([{"scores_db": [20.0], "schedule": "cosine"}], space=[SCHEDULE])
    result = compute_sensitivity(view)
    assert (result.x.name, result.colour) == ("schedule", None)
    draw_sensitivity(result)
    figure = draw_parallel_coordinates(compute_parallel_coordinates(view))
    assert figure.data[0].y[0] == 1.0
    assert [note.text for note in figure.layout.annotations[:2]] == ["plateau", "cosine"]


def test_of_many_trials_the_best_are_among_the_shown(make_view):
    view = make_view([{"scores_db": [10.0 + number]} for number in range(40)])
    marks = compute_sensitivity(view, max_marks=10).marks
    assert len(marks) == 10
    assert {35.0, 36.0, 37.0, 38.0, 39.0} <= set(marks["best_val_psnr_db"] - 10.0)
    assert len(compute_parallel_coordinates(view, 10).lines) == 10


def test_parallel_coordinates_are_logarithmic_and_draw_the_best_last(make_view):
    view = make_view(
        [{"scores_db": [20.0], "learning_rate": 1e-3}, {"scores_db": [19.0]}, {"outcome": "failed"}]
    )
    result = compute_parallel_coordinates(view)
    assert list(result.lines["best_val_psnr_db"]) == [19.0, 20.0]
    best = draw_parallel_coordinates(result).data[-1]
    assert best.customdata[0] == 0
    assert best.y[0] == pytest.approx(0.5)  # 1e-3 between 1e-4 and 1e-2
    assert np.isnan(best.y[-1])


def test_without_space_or_score_there_is_no_figure(make_view):
    assert compute_sensitivity(make_view([{"scores_db": [20.0]}], space=[])) is None
    assert compute_parallel_coordinates(make_view([{}], study="other")) is None


def test_importance_is_what_the_search_wrote_most_important_first(make_view):
    shares = {"warmup_epochs": 0.25, "learning_rate": 0.75}
    view = make_view(
        [{"scores_db": [20.0]}],
        importance=[
            {
                "dimension": name, "evaluator": "fanova", "score": "completed", "num_trials": 9,
                "importance": share,
            }
            for name, share in shares.items()
        ],
    )  # fmt: skip
    result = compute_importance_bars(view)
    assert list(result.bars["dimension"]) == ["learning_rate", "warmup_epochs"]
    (bars,) = draw_importance_bars(result).data
    assert list(bars.x) == [0.75, 0.25]
    assert "completed trials (9)" in bars.name


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-4, 1e-3, [1e-4, 2e-4, 5e-4, 1e-3]),
        (1e-5, 1e-2, [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2]),
        (1.1e-3, 1.9e-3, [1.1e-3, 1.9e-3]),
    ],
)
def test_ticks_of_logarithmic_axes_are_round_and_within(low, high, expected):
    assert sorted(log_ticks(low, high)) == pytest.approx(sorted(expected))
    assert len(log_ticks(1e-9, 1e9)) <= 10


def test_shades_are_different_and_go_from_light_to_dark():
    shades = [shade_of(place, 7) for place in range(7)]
    light = [sum(int(shade[i : i + 2], 16) for i in (1, 3, 5)) for shade in shades]
    assert len(set(shades)) == 7
    assert light[0] > light[-1]
