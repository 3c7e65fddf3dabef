import json

import pytest
import torch

from models.footprint.calibration import (
    FILE_NAME,
    PROBE_BATCH,
    MeasuredMemory,
    calibrate,
    measure_on_cuda,
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
    footprint = predict(calibrate(tmp_path, CARD, "baseline", PATCH_PX, "fp32", False, measured))
    assert footprint.allocated_mib == pytest.approx(measured.memory.allocated_mib)
    assert footprint.context_mib == measured.memory.context_mib
    assert measured.requests == [(MODEL, PATCH_PX, PROBE_BATCH, "fp32", False)]


def test_less_than_what_is_exact_leaves_no_workspace(tmp_path):
    calibration = calibrate(tmp_path, CARD, "baseline", PATCH_PX, "fp32", False, Measurement(1.0))
    assert calibration == Calibration(workspace_scale=0.0, context_mib=400.0)


def test_a_kind_of_model_is_measured_once_per_device(tmp_path):
    measured = Measurement(100.0)
    folder = tmp_path / "made" / "when missing"
    kinds = [
        (CARD, "baseline", PATCH_PX, "fp32", False),
        ("Another Card", "baseline", PATCH_PX, "fp32", False),
        (CARD, "baseline", 48, "fp32", False),
        (CARD, "baseline", PATCH_PX, "bf16", False),
        (CARD, "baseline", PATCH_PX, "fp32", True),
    ]
    first = [calibrate(folder, *kind, measured) for kind in kinds]
    again = [calibrate(folder, *kind, measured) for kind in kinds]
    assert again == first
    assert len(measured.requests) == len(kinds)
    assert len(json.loads((folder / FILE_NAME).read_text())) == len(kinds)
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("arch", ["baseline", "resnet", "residual", "attention"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_calibration_on_a_gpu_holds_for_another_width_and_batch(tmp_path, arch, precision):
    name = torch.cuda.get_device_name()
    calibration = calibrate(tmp_path, name, arch, 64, precision, False, measure_on_cuda)
    model = ModelConfig(arch, 16, 24)
    footprint = predict_footprint(model, 64, 8, precision, calibration=calibration)
    measured = measure_on_cuda(model, 64, 8, precision, False)
    assert footprint.allocated_mib == pytest.approx(measured.allocated_mib, rel=0.1)
