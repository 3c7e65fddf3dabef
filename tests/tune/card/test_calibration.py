"""The calibration of a study's card; the measurement itself needs one and is replaced."""

import os
from dataclasses import replace

import pytest
import torch

import tune.card.calibration
from models.footprint.calibration import FILE_NAME, PROBE_PIXELS, MeasuredMemory
from models.registry import ModelConfig
from models.training.precision import PLAIN
from tune.card.calibration import calibrated, measure_in_child
from tune.card.child import run_in_child
from tune.card.device import Card
from tune.card.packing import Packing
from tune.errors import UsageError

MODEL = ModelConfig("baseline", 16, 16)
CARD = Card("cuda", "pretend", 8192, 8000)


PACKING = Packing(CARD, 0.1, 4, 8)


def test_a_cpu_needs_no_calibration(tmp_path):
    packing = replace(PACKING, card=Card("cpu", "memory", 8000, 8000))
    assert calibrated(packing, tmp_path, MODEL, 64, PLAIN) is packing


def test_a_card_is_measured_once_and_the_results_folder_remembers(monkeypatch, tmp_path):
    calls = []

    def measure(*asked) -> MeasuredMemory:
        calls.append(asked)
        return MeasuredMemory(allocated_mib=50.0, context_mib=300.0)

    monkeypatch.setattr(tune.card.calibration, "measure_in_child", measure)
    results = tmp_path / "results"
    first, second = (calibrated(PACKING, results, MODEL, 64, PLAIN) for _ in range(2))
    assert first == second
    assert first.calibration.context_mib == 300.0
    assert len(calls) == len(PROBE_PIXELS)  # trainings of the one probe
    assert (results / FILE_NAME).is_file()


@pytest.fixture
def ask(monkeypatch):
    """Measure with a stand-in for the training on the card, of which others hold 2000 MiB."""
    now = replace(CARD, held_mib=2000.0)
    monkeypatch.setattr(tune.card.calibration, "measure_card", lambda device: now)

    def ask(train) -> MeasuredMemory:
        monkeypatch.setattr(tune.card.calibration, "run_in_child", lambda _, *asked: train(*asked))
        return measure_in_child(CARD, MODEL, 64, 4, "fp32", False)

    return ask


def test_what_others_held_at_that_time_is_not_the_trial_s(ask):
    measured = ask(lambda *_: MeasuredMemory(allocated_mib=50.0, context_mib=2300.0))
    assert measured == MeasuredMemory(allocated_mib=50.0, context_mib=300.0)


def test_a_measurement_that_fails_is_one_sentence(ask):
    def run_out(*_) -> MeasuredMemory:
        raise torch.OutOfMemoryError("tried to allocate")

    with pytest.raises(UsageError, match=r"ended on pretend with OutOfMemoryError: free the card"):
        ask(run_out)


def test_a_child_returns_what_its_function_does_and_leaves_its_process():
    assert run_in_child(os.getpid) != os.getpid()
