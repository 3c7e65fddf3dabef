from dataclasses import replace

import pytest

from tune.card.correction import STEP, memory_correction
from tune.outcomes import Outcome
from tune.trial.crashes import CARD_IS_FULL
from tune.trial.spec import Placement


@pytest.fixture
def make_placed(make_record, make_epoch):
    """Make a record that was predicted to take 100 MiB, with a cap of 150."""

    def make(
        number=0,
        outcome=Outcome.COMPLETED,
        measured_mib=None,
        method="cuda_peak",
        used=1.0,
        reason=None,
    ):
        placement = Placement(predicted_peak_mib=100.0, cap_mib=150.0, correction=used)
        record = make_record(number, outcome=outcome, reason=reason)
        record.spec = replace(record.spec, placement=placement)
        if measured_mib is not None:
            epoch = replace(make_epoch(1, 20.0), measured_peak_mib=measured_mib)
            record.epochs = [replace(epoch, memory_method=method)]
        return record

    return make


def test_without_trials_predictions_stand():
    assert memory_correction([]) == 1.0


def test_a_measured_peak_above_its_prediction_is_the_factor(make_placed):
    assert memory_correction([make_placed(measured_mib=130.0)]) == pytest.approx(1.3)


def test_a_measured_peak_below_its_prediction_lowers_nothing(make_placed):
    assert memory_correction([make_placed(measured_mib=70.0)]) == 1.0


def test_the_growth_of_a_process_is_no_measurement_of_tensors(make_placed):
    assert memory_correction([make_placed(measured_mib=300.0, method="rss_growth")]) == 1.0


def test_a_trial_that_ran_out_needs_a_step_more_than_its_cap(make_placed):
    reason = f"{CARD_IS_FULL}: asked for 20 MiB, had 3 MiB"
    records = [make_placed(outcome=Outcome.OUT_OF_MEMORY, reason=reason)]
    assert memory_correction(records) == pytest.approx(STEP * 1.5)


def test_a_machine_that_ran_out_of_memory_says_nothing_of_the_card(make_placed):
    records = [make_placed(outcome=Outcome.OUT_OF_MEMORY, reason="out of memory: asked for 9 MiB")]
    assert memory_correction(records) == 1.0


def test_factors_that_were_used_are_counted_once(make_placed):
    records = [make_placed(measured_mib=130.0), make_placed(1, measured_mib=100.0, used=1.3)]
    assert memory_correction(records) == pytest.approx(1.3)


def test_a_trial_without_a_prediction_says_nothing(make_record):
    assert memory_correction([make_record(0, [20.0], outcome=Outcome.OUT_OF_MEMORY)]) == 1.0
