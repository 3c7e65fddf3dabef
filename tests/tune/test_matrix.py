from typing import Any

import pandas as pd
import pytest

from tune.config import SearchConfig, resolve
from tune.matrix import Cell, build_matrices
from tune.profiles import Machine

TRIAL = {
    "study": "study_a",
    "trial": "study_a_t000",
    "arch": "baseline",
    "ratio": 16,
    "is_synthetic": False,
    "corpus": "s1",
    "corpus_fingerprint": "c0",
    "split_fingerprint": "s0",
    "crop_px": 64,
    "val_images": 32,
    "proposed_by": "searcher",
    "learning_rate": 1e-4,
    "warmup_epochs": 3,
    "base_channels": 16,
    "batch_size": 32,
    "outcome": "completed",
    "best_val_psnr_db": 20.0,
}


def frame_of(*changes: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame([TRIAL | change for change in changes])


def only_cell(*changes: dict[str, Any], configs: dict[str, SearchConfig] | None = None) -> Cell:
    (matrix,) = build_matrices(frame_of(*changes), configs or {})
    (cell,) = matrix.cells.values()
    return cell


def config_of(**flags: object) -> SearchConfig:
    (resolved,) = resolve(flags, {}, Machine("cpu", 2))
    return resolved.config


def test_trials_without_an_outcome_run_and_the_others_have_ended() -> None:
    cell = only_cell({}, {"outcome": "failed"}, {"outcome": None})
    assert (cell.num_ended, cell.num_running) == (2, 1)


def test_planned_trials_come_from_the_configurations_or_else_from_what_is_there() -> None:
    changes = {}, {"study": "study_b"}, {"study": "study_b"}
    cell = only_cell(*changes, configs={"study_a": config_of(trials=10)})
    assert (cell.num_studies, cell.num_planned) == (2, 12)


def test_the_best_trial_has_the_highest_score_however_it_ended() -> None:
    cell = only_cell(
        {"best_val_psnr_db": 20.0},
        {"best_val_psnr_db": 21.0, "outcome": "out_of_memory", "trial": "study_a_t001"},
        {"best_val_psnr_db": float("nan"), "outcome": "diverged"},
    )
    assert cell.best is not None
    assert (cell.best.trial, cell.best.val_psnr_db) == ("study_a_t001", 21.0)


def test_the_gain_is_over_the_hand_set_trial_of_the_same_study() -> None:
    cell = only_cell(
        {"proposed_by": "hand_set", "best_val_psnr_db": 20.5},
        {"proposed_by": "hand_set", "best_val_psnr_db": 15.0, "study": "study_b"},
        {"best_val_psnr_db": 21.0},
    )
    assert cell.best is not None
    assert cell.best.gain_db == pytest.approx(0.5)


@pytest.mark.parametrize("hand_set_db", [None, float("nan")])
def test_there_is_no_gain_without_a_score_of_the_hand_set_trial(hand_set_db: float | None) -> None:
    hand_set = {"proposed_by": "hand_set", "best_val_psnr_db": hand_set_db}
    cell = only_cell({}, *([] if hand_set_db is None else [hand_set]))
    assert cell.best is not None
    assert cell.best.gain_db is None


def test_a_cell_without_a_score_has_no_best_trial() -> None:
    assert only_cell({"best_val_psnr_db": float("nan"), "outcome": None}).best is None


def test_the_best_configuration_is_told_by_what_was_searched() -> None:
    configs = {"study_a": config_of(tune="learning_rate,batch_size")}
    cell = only_cell({"learning_rate": 3.14159e-4}, configs=configs)
    assert cell.best is not None
    assert cell.best.words == ("lr 0.00031", "batch_size 32")


@pytest.mark.parametrize(
    "other",
    [
        {"corpus_fingerprint": "c1"},
        {"split_fingerprint": "s1"},
        {"crop_px": 128},
        {"val_images": 64},
        {"is_synthetic": True},
    ],
)
def test_scores_on_other_pixels_never_share_a_matrix(other: dict[str, Any]) -> None:
    matrices = build_matrices(frame_of({}, {**other, "best_val_psnr_db": 30.0}), {})
    cells = [list(matrix.cells.values()) for matrix in matrices]
    scores_db = {cell.best.val_psnr_db for (cell,) in cells if cell.best}
    assert scores_db == {20.0, 30.0}


def test_real_corpora_come_before_synthetic_ones() -> None:
    frame = frame_of({"is_synthetic": True, "corpus": "a"}, {"corpus": "z"})
    assert [matrix.pixels.corpus for matrix in build_matrices(frame, {})] == ["z", "a"]


def test_cells_are_told_apart_by_architecture_and_ratio() -> None:
    (matrix,) = build_matrices(frame_of({}, {"arch": "resnet"}, {"ratio": 4}), {})
    assert set(matrix.cells) == {("baseline", 16), ("resnet", 16), ("baseline", 4)}
