"""Calibrates predicted memory on a GPU: one short training per kind of model, kept in a file.

The file lies in a folder that the caller names and holds one Calibration per device name, kind of
model, patch side and precision. What measures is an argument, so that all but the
measurement itself runs without a GPU.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.footprint.predict import Calibration, predict_footprint
from models.kept import kept
from models.registry import ModelConfig

FILE_NAME = "footprint_calibration.json"
PROBE_PIXELS = (2 * 256**2, 4 * 256**2)
"""Of the images of a step: so many that tensors in flight, not gradients, are the workspace, and no
model of the usual width takes more than 3 GiB."""


@dataclass(frozen=True)
class MeasuredMemory:
    """What a short training took.

    Attributes:
        allocated_mib: The most that lay in tensors at a time.
        context_mib: What the device held beside them.
    """

    allocated_mib: float
    context_mib: float


Measure = Callable[[ModelConfig, int, int, str, bool], MeasuredMemory]
"""Trains two steps: (model, side of images, images per step, precision, channels_last) -> what it
took."""


def calibrate(
    folder: Path,
    device_name: str,
    model: ModelConfig,
    patch_px: int,
    precision: str,
    channels_last: bool,
    measure: Measure,
) -> Calibration:
    """Return the calibration of a device for a kind of model, measured the first time.

    A kind is an architecture, with or without linear path and rate model.

    What is beyond weights, average, optimiser state and saved activations, which are counted
    exactly, is the workspace and what libraries keep. The first grows in proportion to images and
    width as the counted one does, the second not at all; two trainings of the architecture's usual
    width, with PROBE_PIXELS, tell them apart.

    Args:
        folder: Where the file is or will be; made where it is missing.
        device_name: Such as "NVIDIA GeForce RTX 3070".
        model: Of the kind; its width does not matter.
        patch_px: Side of the images.
        precision: "fp32" or "bf16".
        channels_last: Order of the tensors, on which scratch memory depends.
        measure: measure_on_cuda, or a stand-in.
    """
    layout = "channels_last" if channels_last else "contiguous"
    path = "path" if model.linear_path else "no path"
    kind = f"{model.arch}/{model.rate}/{path}"
    usual = dataclasses.replace(model, base_channels=model.architecture.usual_base_channels)

    def train() -> dict[str, float]:
        measured = [
            measure(usual, patch_px, n, precision, channels_last) for n in probe_batches(patch_px)
        ]
        return dataclasses.asdict(compare_with_predictions(usual, patch_px, precision, measured))

    key = f"{device_name}/{kind}/{patch_px}px/{precision}/{layout}"
    return Calibration(**kept(folder / FILE_NAME, key, train))


def probe_batches(patch_px: int) -> tuple[int, ...]:
    """Return the images per step of the trainings of a probe.

    >>> probe_batches(128)
    (8, 16)
    """
    return tuple(max(1, pixels // patch_px**2) for pixels in PROBE_PIXELS)


def compare_with_predictions(
    model: ModelConfig, patch_px: int, precision: str, measured: Sequence[MeasuredMemory]
) -> Calibration:
    """Return the calibration with which predictions equal the measurements of its probe.

    Where the lines through them would need a negative number, that one is 0 and the larger
    measurement is met.
    """
    counted = [
        predict_footprint(model, patch_px, n, precision, calibration=Calibration(1.0, 0.0))
        for n in probe_batches(patch_px)
    ]
    beyond_mib = [
        found.allocated_mib - (one.allocated_mib - one.workspace_mib)
        for found, one in zip(measured, counted, strict=True)
    ]
    few, many = (one.workspace_mib for one in counted)
    scale = max(0.0, (beyond_mib[1] - beyond_mib[0]) / (many - few)) if many > few else 0.0
    scale = min(scale, max(0.0, beyond_mib[1]) / many)
    return Calibration(
        workspace_scale=scale,
        context_mib=measured[-1].context_mib,
        fixed_mib=max(0.0, beyond_mib[1] - scale * many),
    )


def measure_on_cuda(
    model: ModelConfig, patch_px: int, batch_size: int, precision: str, channels_last: bool
) -> MeasuredMemory:
    """Trains two steps on the current CUDA device, the second with the optimiser's state in place.

    The context is what the device has in use beyond the allocated peak, so nobody else may be
    using the device meanwhile.
    """
    import torch

    from models.training.config import TrainConfig
    from models.training.linear_start import ANY_START
    from models.training.loop import train_epochs
    from models.training.precision import repeat_exactly
    from models.training.probe import NoiseBatches
    from models.training.session import TrainingSession

    repeat_exactly()  # as in a worker: other kernels have other workspaces
    torch.cuda.empty_cache()
    config = TrainConfig(
        epochs=1,
        warmup_epochs=0,
        batch_size=batch_size,
        precision=precision,
        channels_last=channels_last,
    )
    train, val = (
        NoiseBatches(patch_px, batch_size, num_batches=2),
        NoiseBatches(patch_px, batch_size),
    )
    session = TrainingSession(model, config, train, val, "cuda", ANY_START)
    (result,) = train_epochs(session)
    free_bytes, total_bytes = torch.cuda.mem_get_info()
    in_use_mib = (total_bytes - free_bytes) / 2**20
    return MeasuredMemory(
        allocated_mib=result.measured_peak_mib,
        context_mib=in_use_mib - result.measured_peak_mib,
    )
