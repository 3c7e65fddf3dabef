"""Candidates are chosen from the tables of one search: score, outcome and curve decide."""

from typing import Any

import pandas as pd
import pytest

from tune.errors import UsageError
from tune.space.dimensions import read_values
from tune.space.points import CONTROL, candidate_of
from tune.statistics.candidates import choose_candidates, rank_trials

VALUES = {
    "base_channels": 16,
    "latent_channels": 16,
    "learning_rate": 1e-3,
    "warmup_epochs": 2,
    "weight_decay": 1e-5,
    "schedule": "plateau",
    "gradient_clip": 1.0,
    "mse_weight": 0.5,
    "dropout": 0.0,
    "batch_size": 8,
}
CONTROL_VALUES = VALUES | {"learning_rate": 1e-4, "warmup_epochs": 3}


def search_of(
    *trials: tuple[str, list[float], dict[str, Any]],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables of a search from (outcome, curve, other columns); learning rates all differ."""
    rows, epochs = [], []
    for number, (outcome, curve, other) in enumerate(trials):
        rows.append(
            {
                "study": "s",
                "trial": f"s_t{number:03d}",
                "trial_number": number,
                "outcome": outcome,
                "objective": "psnr",
                "best_val_psnr_db": max(curve, default=None),
                "epochs_finished": len(curve),
                "train_s": 2.0 * len(curve),
                "val_s": 1.0 * len(curve),
                "corpus_fingerprint": "c0",
                "split_fingerprint": "s0",
                "rate": "elements",
                "linear_path": False,
                **VALUES,
                "learning_rate": 1e-3 + number * 1e-5,
            }
            | other
        )
        epochs += [
            {"study": "s", "trial_number": number, "epoch": epoch, "val_psnr_db": score_db}
            for epoch, score_db in enumerate(curve, start=1)
        ]
    columns = ["study", "trial_number", "epoch", "val_psnr_db"]
    return pd.DataFrame(rows), pd.DataFrame(epochs, columns=columns)


def chosen(*trials: tuple[str, list[float], dict[str, Any]], top: int = 3) -> list[str | None]:
    candidates = choose_candidates(*search_of(*trials), CONTROL_VALUES, top)
    return [candidate.source_trial for candidate in candidates]


def test_the_best_k_are_chosen_by_the_score_of_their_best_epoch_and_the_control_joins():
    assert chosen(
        ("completed", [18.0, 20.0, 17.0], {}),
        ("completed", [19.0, 19.5, 19.6], {}),
        ("completed", [10.0, 11.0, 12.0], {}),
        top=2,
    ) == ["s_t000", "s_t001", None]


def test_candidates_of_another_objective_are_chosen_by_its_score():
    sharp, similar = {"best_val_ssim": 0.5}, {"best_val_ssim": 0.6}
    trials, epochs = search_of(("completed", [20.0], sharp), ("completed", [19.0], similar))
    trials["objective"] = "ssim"
    ranked = rank_trials(trials, epochs.assign(val_ssim=[0.5, 0.6]))
    assert [row["trial"] for row in ranked] == ["s_t001", "s_t000"]


def test_epochs_without_the_score_of_the_objective_are_refused_in_a_sentence():
    trials, epochs = search_of(("completed", [20.0], {"best_val_ms_ssim": 0.9}))
    trials["objective"] = "ms_ssim"
    with pytest.raises(UsageError, match=r"found the epochs of s without val_ms_ssim: python -m"):
        rank_trials(trials, epochs.assign(val_ms_ssim=float("nan")))


@pytest.mark.parametrize("outcome", ["diverged", "out_of_memory", "failed"])
def test_a_crashed_trial_counts_with_the_epochs_that_it_finished(outcome):
    assert chosen(("completed", [18.0, 20.0], {}), (outcome, [21.0], {}))[0] == "s_t001"


@pytest.mark.parametrize("outcome", ["rejected", "interrupted", None])
def test_a_trial_that_did_not_end_or_never_ran_is_no_candidate(outcome):
    assert chosen(("completed", [18.0], {}), (outcome, [21.0], {})) == ["s_t000", None]


def test_a_trial_without_a_score_is_no_candidate():
    assert chosen(("completed", [18.0], {}), ("diverged", [], {})) == ["s_t000", None]


@pytest.mark.parametrize(("stopped_db", "is_in"), [(17.9, False), (18.0, False), (18.1, True)])
def test_a_stopped_trial_counts_only_where_it_was_ahead_at_the_same_epoch(stopped_db, is_in):
    completed = ("completed", [15.0, 18.0, 20.0], {})
    worse = ("completed", [14.0, 17.0, 17.5], {})
    found = chosen(completed, worse, ("stopped", [15.0, stopped_db], {}))
    assert ("s_t002" in found) == is_in


def test_the_curve_of_a_stopped_trial_is_that_of_its_best_score_so_far():
    assert "s_t001" in chosen(("completed", [15.0, 16.0, 20.0], {}), ("stopped", [17.0, 12.0], {}))


def test_without_a_completed_trial_stopped_ones_are_all_there_is():
    assert chosen(("stopped", [15.0], {}), ("stopped", [16.0], {})) == ["s_t001", "s_t000", None]


def test_a_trial_with_the_values_of_the_control_is_the_control():
    control = {"learning_rate": 1e-4, "warmup_epochs": 3}
    trials = ("completed", [20.0], control), ("completed", [19.0], {}), ("completed", [18.0], {})
    candidates = choose_candidates(*search_of(*trials), CONTROL_VALUES, 1)
    assert [one.name for one in candidates] == ["c1", CONTROL]
    assert candidates[0].source_trial == "s_t001"
    assert (candidates[0].rank, candidates[1].rank) == (2, None)
    assert candidates[1].search_val_psnr_db == 20.0


@pytest.mark.parametrize("kind", [{"rate": "bytes"}, {"linear_path": True}])
def test_a_trial_of_another_kind_with_the_values_of_the_control_is_a_candidate(kind):
    control = {"learning_rate": 1e-4, "warmup_epochs": 3} | kind
    candidates = choose_candidates(
        *search_of(("completed", [20.0], control), ("completed", [19.0], {})), CONTROL_VALUES, 1
    )
    assert candidates[0].source_trial == "s_t000"
    assert candidates[1].search_val_psnr_db is None


def test_a_control_that_no_trial_tried_has_no_score_of_the_search():
    candidates = choose_candidates(*search_of(("completed", [20.0], {})), CONTROL_VALUES, 3)
    assert candidates[-1].search_val_psnr_db is None


def test_trials_with_equal_values_are_one_candidate():
    same = {"learning_rate": 5e-4}
    trials = ("completed", [20.0], same), ("completed", [21.0], same), ("completed", [18.0], {})
    assert chosen(*trials, top=2) == ["s_t001", "s_t002", None]


def test_ties_go_to_the_earlier_trial():
    frames = search_of(("completed", [20.0], {}), ("completed", [20.0], {}))
    assert [row["trial_number"] for row in rank_trials(*frames)] == [0, 1]


def test_a_search_without_a_score_is_refused():
    with pytest.raises(UsageError, match="a promotion needs a trial with a score"):
        chosen(("diverged", [], {}))


def test_fewer_than_one_candidate_is_refused():
    with pytest.raises(UsageError, match="--top must be 1 or more, found 0"):
        chosen(("completed", [20.0], {}), top=0)


def test_a_candidate_survives_the_journal():
    trials, epochs = search_of(("completed", [20.0], {}))
    for candidate in choose_candidates(trials, epochs, CONTROL_VALUES, 1):
        assert candidate_of(candidate.to_dict()) == candidate
    assert (
        read_values(trials.iloc[0])
        == choose_candidates(trials, epochs, CONTROL_VALUES, 1)[0].values
    )


def test_a_candidate_knows_what_an_epoch_of_its_trial_took():
    candidate, _ = choose_candidates(*search_of(("completed", [18.0, 20.0], {})), CONTROL_VALUES, 1)
    assert (candidate.search_train_s, candidate.search_val_s) == (2.0, 1.0)
