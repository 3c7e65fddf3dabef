"""`tune.train` records every end of its one trial; the training itself is replaced."""

import json
import math
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.training.epoch_result import EpochResult, NonFiniteError
from tune import train
from tune.tables.files import read_table


@pytest.fixture
def ends_by(tiny_corpus, tmp_path, monkeypatch, make_epoch):
    """Run the command on a training of one epoch that then raises; return code and trial's row."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("models.training.precision.prepare_process", lambda: True)

    def run(error: BaseException | None, *arguments: str):
        def train_epochs(_session: object) -> Iterator[EpochResult]:
            yield make_epoch(1, 20.0)
            if error is not None:
                raise error

        monkeypatch.setattr("tune.trial.run.train_epochs", train_epochs)
        command = ["--arch", "baseline", "--data", str(tiny_corpus), "--crop-px", "32"]
        return train.main([*command, "--precision", "fp32", "--quiet", *arguments])

    return run


def the_trial():
    (row,) = read_table("ray_results", "trials").to_dict("records")
    return row


def test_a_finished_training_is_completed(ends_by, capsys):
    assert ends_by(None) == 0
    assert the_trial()["outcome"] == "completed"
    assert "best validation PSNR 20.00 dB" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "outcome", "reason"),
    [
        (NonFiniteError(2, "train loss", math.nan), 1, "diverged", "train loss is nan in epoch 2"),
        (MemoryError("[no] more"), 1, "out_of_memory", "MemoryError: [no] more"),
        (KeyboardInterrupt(), 130, "interrupted", f"interrupted by {signal.SIGINT.name}"),
    ],
)
def test_every_other_end_has_outcome_reason_and_its_epochs(
    ends_by, error, code, outcome, reason, capsys
):
    assert ends_by(error) == code
    trial = the_trial()
    assert (trial["outcome"], trial["reason"], trial["epochs_finished"]) == (outcome, reason, 1)
    assert f"{outcome} ({reason}): best validation PSNR 20.00 dB" in capsys.readouterr().out


def test_a_defect_ends_the_trial_as_failed_and_keeps_its_traceback(ends_by):
    with pytest.raises(RuntimeError, match="boom"):
        ends_by(RuntimeError("boom"))
    assert (the_trial()["outcome"], the_trial()["reason"]) == ("failed", "RuntimeError: boom")
    (file,) = Path("ray_results").glob("*/errors/*.txt")
    assert "Traceback" in file.read_text()


def test_a_study_says_its_budget_beside_its_journal(ends_by):
    ends_by(None)
    (file,) = Path("ray_results").glob("*/budget.json")
    assert json.loads(file.read_text()) == {"trials": 1, "hours": None, "full_hours": 0.0}


def test_the_file_of_a_search_configures_a_training(ends_by, tmp_path):
    text = (
        'epochs = 20\ngrace_epochs = 6\ntune = ["warmup_epochs"]\nrange = ["warmup_epochs=0:9"]\n'
    )
    (tmp_path / "study.toml").write_text(text)
    assert ends_by(None, "--config", "study.toml", "--epochs", "4", "--warmup-epochs", "1") == 0
    assert (the_trial()["max_epochs"], the_trial()["warmup_epochs"]) == (4, 1)
