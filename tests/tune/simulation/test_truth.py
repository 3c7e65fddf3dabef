"""What is known of a cell, and its file."""

import numpy as np
import pytest

from tests.tune.simulation.families import DIMENSIONS, noisy, parallel
from tune.errors import UsageError
from tune.simulation.truth_file import read_truth, write_truth
from tune.space.dimension import format_range


def rows_of(truth):
    return [
        {
            "configuration": one.name,
            "seed": seed,
            "is_diverged": known.is_diverged,
            "epoch": epoch,
            "epoch_s": known.epochs_s[epoch - 1],
            "val_psnr_db": known.scores[epoch - 1],
            **one.values,
        }
        for one in truth.configurations
        for seed, known in enumerate(one.curves)
        for epoch in range(1, len(known.scores) + 1)
    ]


def facts_of(truth):
    return {
        "label": truth.label,
        "max_epochs": truth.max_epochs,
        "ranges": [format_range(dimension) for dimension in DIMENSIONS],
        "hand_set": truth.hand_set,
    }


def test_a_file_is_read_back_equal(tmp_path):
    truth = noisy(5, 0.1, num_seeds=3)
    write_truth(tmp_path / "truth.parquet", rows_of(truth), facts_of(truth))
    assert read_truth(tmp_path / "truth.parquet") == truth


def test_a_training_that_diverged_in_its_first_epoch_is_kept(tmp_path):
    truth = parallel(2)
    nothing = {"epoch": 1, "epoch_s": None, "val_psnr_db": None, "is_diverged": True}
    last = rows_of(truth)[-1] | nothing | {"configuration": "lost", "learning_rate": 2e-3}
    write_truth(tmp_path / "truth.parquet", [*rows_of(truth), last], facts_of(truth))
    (known,) = read_truth(tmp_path / "truth.parquet").configurations[-1].curves
    assert (known.scores, known.is_diverged) == ((), True)


def test_what_is_no_truth_is_told_in_a_sentence(tmp_path):
    (tmp_path / "table.parquet").write_text("nothing")
    with pytest.raises(UsageError, match=r"--truth takes a file of recorded curves"):
        read_truth(tmp_path / "table.parquet")
    with pytest.raises(UsageError, match="which is none"):
        read_truth(tmp_path / "absent.parquet")


def test_an_objective_that_was_not_recorded_is_told_in_a_sentence(tmp_path):
    truth = parallel(3)
    write_truth(tmp_path / "truth.parquet", rows_of(truth), facts_of(truth))
    with pytest.raises(UsageError, match=r"recorded \(psnr\), found 'ssim'"):
        read_truth(tmp_path / "truth.parquet", "ssim")


def test_halves_are_disjoint_and_whole():
    truth = parallel(7)
    names = [one.name for rest in (0, 1) for one in truth.half(rest).configurations]
    assert sorted(names) == sorted(one.name for one in truth.configurations)


def test_a_night_draws_one_of_the_recorded_trainings():
    truth = noisy(20, 0.1, num_seeds=3)
    drawn = truth.draw(5)
    assert all(one in known.curves for one, known in zip(drawn, truth.configurations, strict=True))
    assert drawn == truth.draw(5)
    assert drawn != truth.draw(6)


def test_positions_lie_in_the_unit_cube():
    positions = parallel(9).positions
    assert positions.shape == (9, 1)
    assert np.allclose(positions[:, 0], np.linspace(0, 1, 9))
