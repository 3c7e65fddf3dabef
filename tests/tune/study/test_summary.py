"""The summary: ranking, gain, noise and edges."""

import numpy as np
import pytest
from rich.console import Console

from tune.evaluation.references import Reference
from tune.outcomes import Outcome
from tune.space.ranges import build_space
from tune.study.summary import edge_warnings, epoch_noise, summarise
from tune.terminal.summary import draw_summary

SPACE = build_space(["learning_rate"], ["learning_rate=1e-5:1e-2"]).dimensions


def test_the_best_epoch_ranks_a_trial_not_its_last(make_record):
    summary = summarise(
        [make_record(0, [18.0, 21.0, 17.0]), make_record(1, [20.0, 20.0, 20.0])], SPACE
    )
    assert [record.spec.number for record in summary.ranked] == [0, 1]


def test_a_crashed_trial_keeps_its_rank(make_record):
    crashed = make_record(0, [22.0], outcome=Outcome.DIVERGED)
    summary = summarise([make_record(1, [20.0]), crashed], SPACE)
    assert summary.ranked[0] is crashed


def test_the_gain_is_measured_from_the_hand_set_trial(make_record):
    hand_set = make_record(0, [19.0], proposed_by="hand_set")
    assert summarise([hand_set, make_record(1, [19.5])], SPACE).gain == pytest.approx(0.5)


def test_the_gain_is_never_negative_where_the_hand_set_trial_took_part(make_record):
    hand_set = make_record(0, [21.0], proposed_by="hand_set")
    assert summarise([hand_set, make_record(1, [19.5])], SPACE).gain == 0.0


def test_without_a_score_of_the_hand_set_trial_the_gain_is_unknown(make_record):
    hand_set = make_record(0, [], outcome=Outcome.FAILED, proposed_by="hand_set")
    assert summarise([hand_set, make_record(1, [19.5])], SPACE).gain is None


def test_only_stopped_trials_save_epochs(make_record):
    summary = summarise(
        [
            make_record(0, [20.0] * 4, outcome=Outcome.STOPPED),
            make_record(1, [20.0] * 7, outcome=Outcome.DIVERGED),
        ],
        SPACE,
    )
    assert (summary.epochs_spent, summary.epochs_saved) == (11, 6)


def test_a_straight_curve_has_no_noise():
    assert epoch_noise([18.0, 18.5, 19.0, 19.5]) == pytest.approx(0.0)


def test_three_scores_are_too_few_for_a_noise():
    assert epoch_noise([18.0, 18.5, 19.0]) is None


def test_noise_on_a_trend_is_found_again():
    scores = np.linspace(18, 22, 4000) + np.random.default_rng(0).normal(0, 0.1, 4000)
    assert epoch_noise(list(scores)) == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(
    ("learning_rate", "end"), [(1.1e-5, "lower"), (9e-3, "upper"), (3e-4, None)]
)
def test_a_best_value_at_the_edge_is_told_with_its_end(make_record, learning_rate, end):
    sentences = edge_warnings(make_record(learning_rate=learning_rate), SPACE)
    assert len(sentences) == (end is not None)
    assert all(f"{end} end" in sentence for sentence in sentences)


def test_what_is_printed_names_gain_references_and_outcomes(make_record):
    console = Console(record=True, width=200)
    summary = summarise(
        [make_record(0, [19.0] * 4, proposed_by="hand_set"), make_record(1, [19.5] * 4)], SPACE
    )
    draw_summary(console, summary, [Reference("block_klt", 20.0, 0.6, 8)], "baseline 16x")
    text = console.export_text()
    assert "gain over the hand-set point: +0.50 dB, more than the noise" in text
    assert "20.00 dB, SSIM 0.600; the best trial is 0.50 dB below it, SSIM -0.010" in text
    assert "2 completed" in text


def test_a_study_that_maximises_ssim_is_ranked_and_told_by_it(make_record):
    console = Console(record=True, width=200)
    hand_set = make_record(0, [0.5] * 4, proposed_by="hand_set", objective="ssim")
    best = make_record(1, [0.625] * 4, objective="ssim")
    draw_summary(console, summarise([hand_set, best], SPACE), [], "baseline 16x")
    text = console.export_text()
    assert "val SSIM" in text
    assert "PSNR dB" in text
    assert "gain over the hand-set point: +0.1250, more than the noise" in text
    assert text.index("0.6250") < text.index("0.5000")


def test_a_gain_in_short_curves_is_not_called_more_than_noise(make_record):
    console = Console(record=True, width=120)
    hand_set = make_record(0, [19.0] * 3, proposed_by="hand_set")
    draw_summary(console, summarise([hand_set, make_record(1, [19.5] * 3)], SPACE), [], "short")
    text = console.export_text()
    assert "+0.50 dB; under four epochs nothing is known of the noise" in text
    assert "nan" not in text


def test_a_study_without_a_score_says_so():
    console = Console(record=True)
    draw_summary(console, summarise([], SPACE), [], "baseline 16x")
    assert "no trial finished an epoch" in console.export_text()
