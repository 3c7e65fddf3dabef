import dataclasses
import json
from dataclasses import replace

import pytest

from models.footprint.calibration import (
    FILE_NAME,
    PROBE_PIXELS,
    MeasuredMemory,
    calibrate,
    probe_batches,
)
from models.footprint.predict import Calibration, predict_footprint
from models.registry import ModelConfig

MODEL = ModelConfig("baseline", ratio=16, base_channels=64)
PATCH_PX = 32
CARD = "A Card of 8 GiB"


PLAIN = Calibration(workspace_scale=1.0, context_mib=0.0)


class Measurement:
    """Stands for a GPU that takes what a calibration says; remembers what it was asked to train."""

    def __init__(self, calibration):
        self.calibration = calibration
        self.requests = []

    def __call__(self, *request):
        self.requests.append(request)
        model, patch_px, batch_size, precision, _ = request
        footprint = predict_footprint(
            model, patch_px, batch_size, precision, calibration=self.calibration
        )
        return MeasuredMemory(footprint.allocated_mib, footprint.context_mib)


def find(tmp_path, measure) -> Calibration:
    return calibrate(tmp_path, CARD, MODEL, PATCH_PX, "fp32", False, measure)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 2.5])
@pytest.mark.parametrize("fixed_mib", [0.0, 64.0])
def test_a_device_that_is_as_assumed_is_found_out(tmp_path, scale, fixed_mib):
    device = Calibration(scale, 400.0, fixed_mib)
    found = find(tmp_path, Measurement(device))
    assert dataclasses.astuple(found) == pytest.approx(dataclasses.astuple(device), abs=1e-6)


def test_every_batch_of_the_probe_is_trained(tmp_path):
    measure = Measurement(PLAIN)
    find(tmp_path, measure)
    assert measure.requests == [
        (MODEL, PATCH_PX, n, "fp32", False) for n in probe_batches(PATCH_PX)
    ]


@pytest.mark.parametrize("allocated_mib", [1.0, 10_000.0])
def test_memory_that_does_not_grow_with_the_batch_is_no_workspace(tmp_path, allocated_mib):
    found = find(tmp_path, lambda *_: MeasuredMemory(allocated_mib, 400.0))
    assert found.workspace_scale == 0.0
    assert found.fixed_mib >= 0.0
    predicted = predict_footprint(
        MODEL, PATCH_PX, probe_batches(PATCH_PX)[1], "fp32", calibration=found
    )
    assert predicted.allocated_mib >= allocated_mib


def test_memory_that_falls_below_what_is_fixed_never_makes_a_number_negative(tmp_path):
    falls = iter([MeasuredMemory(900.0, 1.0), MeasuredMemory(100.0, 1.0)])
    found = find(tmp_path, lambda *_: next(falls))
    assert found.workspace_scale == 0.0
    assert found.fixed_mib >= 0.0


def test_a_kind_of_model_is_measured_once_per_device(tmp_path):
    measured = Measurement(PLAIN)
    folder = tmp_path / "made" / "when missing"
    kinds = [
        (CARD, MODEL, PATCH_PX, "fp32", False),
        ("Another Card", MODEL, PATCH_PX, "fp32", False),
        (CARD, MODEL, 48, "fp32", False),
        (CARD, MODEL, PATCH_PX, "bf16", False),
        (CARD, MODEL, PATCH_PX, "fp32", True),
        (CARD, replace(MODEL, linear_path=True), PATCH_PX, "fp32", False),
        (CARD, replace(MODEL, rate="bytes"), PATCH_PX, "fp32", False),
    ]
    first = [calibrate(folder, *kind, measured) for kind in kinds]
    again = [calibrate(folder, *kind, measured) for kind in kinds]
    narrow = replace(MODEL, base_channels=8)
    again[0] = calibrate(folder, CARD, narrow, PATCH_PX, "fp32", False, measured)
    assert again == first
    assert len(measured.requests) == len(kinds) * len(PROBE_PIXELS)
    assert len(json.loads((folder / FILE_NAME).read_text())) == len(kinds)
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
