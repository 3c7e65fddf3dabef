"""Rows: exactly the columns of the schemas, and values that belong together."""

from dataclasses import replace

import pytest

from models.registry import ARCHITECTURES, ModelConfig, build_model, count_parameters
from tune.outcomes import Outcome
from tune.storage.trial_rows import epoch_row, num_parameters, rung_row, trial_row
from tune.tables.schemas import SCHEMAS
from tune.trial.record import RungDecision
from tune.trial.spec import Placement

DECISION = RungDecision(0, 0, 2, 20.0, 21.0, 2, kept=False)


def test_a_trial_s_row_has_the_columns_of_the_schema(make_record, study_facts):
    row = trial_row(make_record(0, [20.0]), study_facts)
    assert sorted(row) == sorted(SCHEMAS["trials"].names)


def test_a_row_says_on_which_machine_and_card_a_trial_ran(make_record, study_facts):
    record = make_record(0)
    there = Placement(host="node7", card="NVIDIA L4", raylet="ab12")
    record.spec = replace(record.spec, placement=there)
    row = trial_row(record, study_facts)
    assert (row["host"], row["card"]) == ("node7", "NVIDIA L4")


def test_an_epoch_s_row_has_the_columns_of_the_schema(make_record):
    record = make_record(0, [20.0])
    row = epoch_row(record, record.epochs[0], record.reported[0])
    assert sorted(row) == sorted(SCHEMAS["epochs"].names)


def test_a_decision_s_row_has_the_columns_of_the_schema(make_record):
    assert sorted(rung_row(make_record(0), DECISION)) == sorted(SCHEMAS["rungs"].names)


def test_a_running_trial_has_neither_outcome_nor_end(make_record, study_facts):
    row = trial_row(make_record(0, [20.0], outcome=None), study_facts)
    assert [row[name] for name in ("outcome", "reason", "ended_at")] == [None] * 3
    assert row["best_val_psnr_db"] == 20.0


def test_a_trial_without_an_epoch_has_no_scores(make_record, study_facts):
    row = trial_row(make_record(0, [], outcome=None), study_facts)
    missing = {column.name for column in SCHEMAS["trials"].columns if row[column.name] is None}
    scores = {name for name in row if name.startswith(("best_", "last_"))}
    assert scores <= missing
    assert all(column.nullable for column in SCHEMAS["trials"].columns if column.name in missing)
    assert (row["epochs_finished"], row["train_s"]) == (0, 0)


def test_best_values_come_from_the_best_epoch_and_last_ones_from_the_last(make_record, study_facts):
    row = trial_row(make_record(0, [18.0, 21.0, 20.0]), study_facts)
    assert (row["best_epoch"], row["best_val_psnr_db"]) == (2, 21.0)
    assert row["last_val_psnr_db"] == 20.0
    assert row["psnr_gap_db"] == row["best_train_psnr_db"] - 21.0


def test_all_best_values_come_from_the_best_epoch_by_the_objective(make_record, study_facts):
    row = trial_row(make_record(0, [0.5, 0.75, 0.6], objective="ssim"), study_facts)
    found = [row[name] for name in ("objective", "best_epoch", "best_val_ssim")]
    assert found == ["ssim", 2, 0.75]
    assert (row["best_val_psnr_db"], row["best_val_ms_ssim"]) == (19.25, None)


def test_a_decision_s_row_says_what_its_value_is(make_record):
    assert rung_row(make_record(0, objective="ssim"), DECISION)["objective"] == "ssim"


def test_a_row_says_which_rate_was_aimed_at_with_how_many_channels_and_whether_with_a_path(
    make_record, study_facts
):
    record = make_record(0, [20.0])
    model = ModelConfig("resnet", 32, 8, latent_channels=48, linear_path=True, rate="bytes")
    trained_for_bytes = replace(record, spec=replace(record.spec, model=model))
    row = trial_row(trained_for_bytes, replace(study_facts, rate="bytes"))
    names = ("rate", "rate_target_bpp", "latent_channels", "linear_path")
    assert tuple(row[name] for name in names) == ("bytes", 0.25, 48, True)
    before = trial_row(record, study_facts)
    assert tuple(before[name] for name in names) == ("elements", None, 16, False)


def test_costs_are_sums_over_the_finished_epochs(make_record, study_facts):
    record = make_record(0, [18.0, 21.0, 20.0], outcome=Outcome.DIVERGED)
    row = trial_row(record, study_facts)
    assert row["train_s"] == pytest.approx(3.0)
    assert row["val_s"] == pytest.approx(0.6)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_parameters_are_counted_as_those_of_a_real_model(arch):
    model = ModelConfig(arch, 16, 8)
    assert num_parameters(model) == count_parameters(build_model(model))
