"""Why a trial ended is a sentence with the numbers that decided."""

import dataclasses

import pytest

from analysis.searches.outcome_counts import compute_outcome_counts
from analysis.searches.reasons import join_reasons, reasons_of


def rung(number, epoch, value, cutoff, *, kept=False):
    return {
        "trial_number": number, "rung_epoch": epoch, "value": value, "cutoff": cutoff, "kept": kept
    }  # fmt: skip


STOPPED = {"outcome": "stopped", "scores_db": [16.0, 17.0, 17.8]}


def test_a_stop_says_epoch_score_and_what_was_needed(make_view):
    rungs = [rung(0, 1, 16.0, 15.0, kept=True), rung(0, 3, 17.8, 18.2)]
    view = make_view([STOPPED], rungs=rungs)
    assert list(reasons_of(view)) == ["stopped at epoch 3: 17.80 dB, needed 18.20"]


def test_stops_at_one_epoch_are_one_sentence_with_spans(make_view):
    rungs = [rung(0, 3, 17.8, 18.2), rung(1, 3, 17.1, 18.4)]
    (row,) = compute_outcome_counts(make_view([STOPPED] * 2, rungs=rungs)).counts.to_dict("records")
    assert row["reason"] == "stopped at epoch 3: 17.10 to 17.80 dB, needed 18.20 to 18.40"
    assert row["num_trials"] == 2


def test_stops_at_different_epochs_are_told_apart(make_view):
    rungs = [rung(0, 3, 17.8, 18.2), rung(1, 1, 16.0, 17.0)]
    counts = compute_outcome_counts(make_view([STOPPED] * 2, rungs=rungs)).counts
    assert sorted(counts["reason"].str[:18]) == ["stopped at epoch 1", "stopped at epoch 3"]


def test_a_table_without_rungs_still_gives_the_sentence(make_view):
    """Tables of rungs can be missing or torn; the trial's own reason has the numbers too."""
    written = "17.80 dB at epoch 3 is below the 18.20 dB needed to continue"
    view = make_view([STOPPED | {"reason": written}])
    view = dataclasses.replace(view, rungs=view.rungs.iloc[:0])
    assert list(reasons_of(view)) == ["stopped at epoch 3: 17.80 dB, needed 18.20"]


def test_a_reason_of_another_release_stays_as_it_is(make_view):
    view = make_view([STOPPED | {"reason": "worse than the others"}])
    assert list(reasons_of(view)) == ["worse than the others"]


def test_trials_that_completed_or_run_need_no_reason(make_view):
    assert list(reasons_of(make_view([{"scores_db": [20.0]}, {"outcome": None}]))) == ["", ""]


@pytest.mark.parametrize(
    ("reasons", "sentence"),
    [
        (["gone", "gone"], "gone"),
        (["nan in epoch 3", "nan in epoch 4"], "such as: nan in epoch 3"),
        (
            ["stopped at epoch 1: 0.700, needed 0.800", "stopped at epoch 1: 0.600, needed 0.800"],
            "stopped at epoch 1: 0.600 to 0.700, needed 0.800",
        ),
    ],
)
def test_reasons_of_a_kind_become_one_sentence(reasons, sentence):
    assert join_reasons(reasons) == sentence
