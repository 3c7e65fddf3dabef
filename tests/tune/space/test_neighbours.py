"""Neighbours: which earlier studies give a first guess, and how it is moved into the space."""

import pandas as pd
import pytest

from tune.space.neighbours import MAX_NEIGHBOURS, neighbour_points
from tune.space.ranges import build_space

CORPUS = "c" * 16
DIMENSIONS = build_space(["learning_rate", "warmup_epochs", "base_channels"], []).dimensions

RATIOS = {"a": 16, "b": 32, "c": 64}


def trial(study: str, arch: str = "baseline", ratio: int = 16, **changes) -> dict[str, object]:
    return {
        "study": study,
        "arch": arch,
        "ratio": ratio,
        "rate": "bytes",
        "linear_path": True,
        "objective": "psnr",
        "corpus_fingerprint": CORPUS,
        "outcome": "completed",
        "best_val_psnr_db": 20.0,
        "best_val_ssim": 0.6,
        "learning_rate": 1e-3,
        "warmup_epochs": 2,
        "base_channels": 32,
        "schedule": "plateau",
    } | changes


def points(*trials, arch="baseline", ratio=16, dimensions=DIMENSIONS, objective="psnr"):
    return neighbour_points(
        pd.DataFrame(trials, columns=list(trial("a"))),
        arch, ratio, CORPUS, dimensions, "bytes", is_with_path=True, objective=objective,
    )  # fmt: skip


def origins(*trials, **asked) -> list[str]:
    return [point.proposed_by for point in points(*trials, **asked)]


def test_the_best_trial_of_a_study_is_its_point():
    worse, best = trial("a", learning_rate=1e-4), trial("a", best_val_psnr_db=21.0)
    (point,) = points(worse, best)
    assert point.proposed_by == "neighbour:a"
    assert dict(point.values) == {"learning_rate": 1e-3, "warmup_epochs": 2, "base_channels": 32}


def test_a_study_of_another_objective_is_no_neighbour():
    assert points(trial("a", objective="ssim")) == []


def test_the_best_trial_of_a_study_is_best_by_its_objective():
    sharp = trial("a", objective="ssim", best_val_ssim=0.7, best_val_psnr_db=19.0)
    (point,) = points(sharp, trial("a", objective="ssim", base_channels=16), objective="ssim")
    assert point.values["base_channels"] == 32


def test_the_nearest_ratio_comes_before_another_architecture():
    other = trial("a", arch="resnet", learning_rate=1e-4)
    near, far = trial("b", ratio=32, learning_rate=2e-4), trial("c", ratio=64, learning_rate=3e-4)
    assert origins(other, far, near) == ["neighbour:b", "neighbour:a"]


def test_another_architecture_comes_before_a_ratio_two_octaves_away():
    other = trial("a", arch="resnet", learning_rate=1e-4)
    far = trial("b", ratio=64, learning_rate=2e-4)
    assert origins(far, other) == ["neighbour:a", "neighbour:b"]


def test_ratios_above_and_below_are_equally_near_and_the_newer_study_comes_first():
    below, above = trial("2025", ratio=8), trial("2026", ratio=32, learning_rate=1e-4)
    assert origins(below, above) == ["neighbour:2026", "neighbour:2025"]


@pytest.mark.parametrize(
    "change", [{"corpus_fingerprint": "d" * 16}, {"rate": "elements"}, {"linear_path": False}]
)
def test_another_corpus_rate_or_path_says_nothing(change):
    assert points(trial("a", **change)) == []


@pytest.mark.parametrize("change", [{"outcome": None}, {"best_val_psnr_db": float("nan")}])
def test_a_trial_that_runs_or_has_no_score_says_nothing(change):
    assert points(trial("a", **change)) == []


def test_without_earlier_studies_there_are_no_points():
    assert points(arch="resnet", ratio=4, dimensions=()) == []


@pytest.mark.parametrize("outcome", ["diverged", "failed", "interrupted", "stopped"])
def test_a_trial_that_did_not_complete_counts_with_its_best_epoch(outcome):
    assert origins(trial("a", outcome=outcome)) == ["neighbour:a"]


def test_values_outside_the_space_are_moved_to_its_nearest_ones():
    dimensions = build_space(
        ["learning_rate", "warmup_epochs", "base_channels"],
        ["learning_rate=1e-4:5e-4", "warmup_epochs=3:5", "base_channels=8,16"],
    ).dimensions
    (point,) = points(trial("a"), dimensions=dimensions)
    assert dict(point.values) == {"learning_rate": 5e-4, "warmup_epochs": 3, "base_channels": 16}


def test_a_point_with_a_name_that_is_no_choice_is_left_out():
    dimensions = build_space(["schedule"], ["schedule=cosine,constant"]).dimensions
    unknown, known = trial("a"), trial("b", schedule="constant")
    assert origins(unknown, known, dimensions=dimensions) == ["neighbour:b"]


def test_there_are_at_most_two_points():
    trials = [
        trial(name, ratio=ratio, learning_rate=1e-5 * ratio) for name, ratio in RATIOS.items()
    ]
    assert origins(*trials) == ["neighbour:a", "neighbour:b"]
    assert MAX_NEIGHBOURS == 2


def test_equal_points_count_once():
    assert origins(trial("a"), trial("b"), trial("c", ratio=4, learning_rate=1e-4)) == [
        "neighbour:b",
        "neighbour:c",
    ]
