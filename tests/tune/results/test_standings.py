import errno
import json

import pytest

from tests.analysis.made_of_bytes import psnr_of, write_promotion, write_search
from tune.results.standings import (
    describe_best,
    eta_s,
    planned_runs,
    planned_trials,
    read_promotions,
    read_searches,
    running_on,
)
from tune.space.dimensions import DEFAULT_TUNE
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget
from tune.study.opening import note_budget


def speed(*trials: tuple[str | None, int], epoch_s: float = 2.0) -> dict[str, list]:
    """Columns of trials from (outcome, finished epochs), ten epochs at most."""
    return {
        "outcome": [outcome for outcome, _ in trials],
        "epochs_finished": [epochs for _, epochs in trials],
        "max_epochs": [10 for _ in trials],
        "train_s": [0.75 * epoch_s * epochs for _, epochs in trials],
        "val_s": [0.25 * epoch_s * epochs for _, epochs in trials],
    }


def test_trials_to_come_cost_what_those_that_ended_did():
    columns = speed(("completed", 10), ("stopped", 2), (None, 3))
    assert eta_s(columns, num_planned=5) == 2.0 * (3 + 2 * 6)


def test_what_runs_side_by_side_takes_half_the_time():
    assert eta_s(speed((None, 5), (None, 5)), num_planned=2) == 2.0 * 10 / 2


def test_nothing_is_known_before_the_first_epoch():
    assert eta_s(speed((None, 0)), num_planned=2) is None


def test_at_the_end_nothing_is_left():
    assert eta_s(speed(("completed", 10)), num_planned=1) == 0.0


def test_planned_trials_are_those_of_the_configuration(tmp_path):
    folder = StudyFolder(tmp_path)
    assert planned_trials(folder) == 0
    folder.config_file.write_text('arch = "baseline"\ntrials = 12\nhours = 3\n')
    assert planned_trials(folder) == 12


@pytest.mark.parametrize("planned", [planned_trials, planned_runs])
def test_the_budget_of_the_newest_session_counts(tmp_path, planned):
    folder = StudyFolder(tmp_path)
    folder.config_file.write_text('arch = "baseline"\ntrials = 12\n')
    assert note_budget(folder, Budget(50, 3.0)) == []
    assert planned(folder) == 50


def test_a_budget_that_cannot_be_read_is_that_of_the_configuration(tmp_path):
    folder = StudyFolder(tmp_path)
    folder.config_file.write_text('arch = "baseline"\ntrials = 12\n')
    folder.budget_file.write_text("torn")
    assert planned_trials(folder) == 12


def test_interrupted_trials_are_still_to_come():
    columns = speed(("completed", 10), ("interrupted", 4))
    assert eta_s(columns, num_planned=2) == 2.0 * (10 - 4)


def test_only_trials_that_run_are_counted_on_their_nodes():
    columns = {
        "outcome": [None, "completed", None, None, None],
        "host": ["b", "b", "a", "b", None],
    }
    assert running_on(columns) == {"a": 1, "b": 2}


def test_a_budget_that_finds_no_space_is_said(tmp_path, monkeypatch):
    def no_space(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", no_space)
    (note,) = note_budget(StudyFolder(tmp_path), Budget(1, None))
    assert "no space left for" in note


def test_a_search_says_what_its_ratio_counts(tmp_path):
    write_search(tmp_path, "attention", 16)
    ((view,), _) = read_searches(tmp_path)
    assert view.pixels.rate == "bytes"


def test_a_promotion_of_bytes_is_scored_at_the_rate_that_was_trained_for(tmp_path):
    write_promotion(tmp_path, "attention", 16)
    ((view,), _) = read_promotions(tmp_path)
    assert view.pixels.rate == "bytes"
    assert sum(view.test_psnr_db) / 3 == pytest.approx(psnr_of("attention", 0.5), abs=0.05)


def test_what_was_searched_is_that_of_the_configuration(tmp_path):
    write_search(tmp_path, "attention", 16)
    ((view,), _) = read_searches(tmp_path)
    searched = ["learning_rate", "weight_decay"]
    StudyFolder(tmp_path / view.study).config_file.write_text(f"tune = {json.dumps(searched)}\n")
    row, names = describe_best(tmp_path, view)
    assert names == searched
    assert row.keys() >= {*searched}


@pytest.mark.parametrize(
    "text",
    ["", "torn = ", 'tune = "x"', "tune = 7", "tune = [[1]]", 'tune = ["of_a_later_release"]'],
)
def test_what_was_searched_is_the_usual_where_nobody_can_tell(tmp_path, text):
    write_search(tmp_path, "attention", 16)
    ((view,), _) = read_searches(tmp_path)
    StudyFolder(tmp_path / view.study).config_file.write_text(text)
    assert describe_best(tmp_path, view)[1] == DEFAULT_TUNE
