import json
from dataclasses import replace

import pytest

from models.footprint.calibration import (
    FILE_NAME,
    PROBE_BATCH,
    MeasuredMemory,
    calibrate,
)
from models.footprint.predict import Calibration, predict_footprint
from models.registry import ModelConfig

MODEL = ModelConfig("baseline", ratio=16, base_channels=64)
PATCH_PX = 32
CARD = "A Card of 8 GiB"


class Measurement:
    """Stands for a GPU that takes so much; remembers what it was asked to train."""

    def __init__(self, allocated_mib, context_mib=400.0):
        self.memory = MeasuredMemory(allocated_mib, context_mib)
        self.requests = []

    def __call__(self, *request):
        self.requests.append(request)
        return self.memory


def predict(calibration=None, batch_size=PROBE_BATCH):
    return predict_footprint(
        MODEL, PATCH_PX, batch_size, "fp32", device="cuda", calibration=calibration
    )


def test_a_calibrated_prediction_repeats_the_measurement(tmp_path):
    measured = Measurement(allocated_mib=1.3 * predict().allocated_mib)
    footprint = predict(calibrate(tmp_path, CARD, MODEL, PATCH_PX, "fp32", False, measured))
    assert footprint.allocated_mib == pytest.approx(measured.memory.allocated_mib)
    assert footprint.context_mib == measured.memory.context_mib
    assert measured.requests == [(MODEL, PATCH_PX, PROBE_BATCH, "fp32", False)]


def test_less_than_what_is_exact_leaves_no_workspace(tmp_path):
    calibration = calibrate(tmp_path, CARD, MODEL, PATCH_PX, "fp32", False, Measurement(1.0))
    assert calibration == Calibration(workspace_scale=0.0, context_mib=400.0)


def test_a_kind_of_model_is_measured_once_per_device(tmp_path):
    measured = Measurement(100.0)
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
    assert len(measured.requests) == len(kinds)
    assert len(json.loads((folder / FILE_NAME).read_text())) == len(kinds)
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
