"""What a configuration will take before anything of it is allocated: memory, weights, work.

Takes a model, the side and number of its images, and a precision; gives a Footprint. All of it is
counted by models.footprint.step, except three numbers per device, a Calibration: the share of the
counted workspace that the device really takes, what libraries keep, and what lies beside tensors.
models.footprint.calibration measures them on a GPU.

How far off, against the allocator's peak over two real steps and a validation batch on a CPU
with AVX-512 (`python -m benchmarks.footprint`, 24 sizes of the four architectures): saved bytes
are equal. The peak lies within 0.1 % in fp32 where widths are multiples of 16 and weights do not
dominate, else within 6 %; in fp32 channels_last between 6 % low and 9 % high, in bf16
channels_last within 3 %. Bf16 in the ordinary layout, which training never chooses, comes out up
to 13 % low where widths are no multiples of 16: oneDNN unfolds those images. Nothing here has been
measured on a GPU.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from models.errors import ModelError
from models.footprint.step import simulate_step
from models.metrics.ssim import WINDOW_PX
from models.registry import ModelConfig
from models.shapes import REDUCTION
from models.training.config import PRECISIONS

MIB = 2**20
BYTES_PER_FLOAT = 4
MOMENTS = 2
"""AdamW keeps the mean and the mean square of every gradient, in fp32."""


@dataclass(frozen=True)
class Calibration:
    """How a device differs from what is counted.

    Attributes:
        workspace_scale: Workspace that it takes per counted workspace.
        context_mib: What it takes beside tensors: contexts, libraries, fragments.
        fixed_mib: What libraries keep in the allocator whatever is trained: cuBLAS has workspaces
            of 32 MiB for each thread that multiplies.
    """

    workspace_scale: float
    context_mib: float
    fixed_mib: float = 0.0


UNCALIBRATED = {
    # The counted scratch memory is oneDNN's. A process and its libraries come on top.
    "cpu": Calibration(workspace_scale=1.0, context_mib=0.0),
    # An assumption, not a measurement: cuDNN copies as oneDNN does, the context and the allocator's
    # fragments take half a GiB, and the threads of both passes have a workspace of cuBLAS each.
    "cuda": Calibration(workspace_scale=1.0, context_mib=512.0, fixed_mib=64.0),
}
"""By kind of device, for where nothing was measured."""


@dataclass(frozen=True)
class Footprint:
    """What training a model takes.

    Attributes:
        num_parameters: Trainable parameters.
        macs: Multiply-accumulates of the convolutions in one image's forward pass.
        weights_mib: Parameters and running statistics.
        gradients_mib: Gradients of all parameters. No summand of peak_mib: at the fullest moment
            not all of them exist, and those that do are part of workspace_mib.
        optimizer_mib: AdamW's two moments and its step counts.
        average_mib: The averaged copy of the weights, see models.training.ema.
        saved_mib: Activations and images that one micro-batch keeps for its backward pass.
        workspace_mib: What else is alive at the fullest moment of a step: gradients, tensors in
            flight, and scratch memory of operations.
        fixed_mib: What libraries keep in the allocator whatever is trained.
        context_mib: What the device takes beside tensors.
    """

    num_parameters: int
    macs: int
    weights_mib: float
    gradients_mib: float
    optimizer_mib: float
    average_mib: float
    saved_mib: float
    workspace_mib: float
    fixed_mib: float
    context_mib: float

    @property
    def allocated_mib(self) -> float:
        """The most that lies in tensors at a time, as `models.training.peak_memory` measures it."""
        return (
            self.weights_mib
            + self.optimizer_mib
            + self.average_mib
            + self.saved_mib
            + self.workspace_mib
            + self.fixed_mib
        )

    @property
    def peak_mib(self) -> float:
        """The most that the device must have free."""
        return self.allocated_mib + self.context_mib


def predict_footprint(
    model: ModelConfig,
    patch_px: int,
    batch_size: int,
    precision: str,
    *,
    images_per_step: int | None = None,
    device: str = "cpu",
    calibration: Calibration | None = None,
) -> Footprint:
    """Return the footprint of a configuration, in under a second and nothing the second time.

    The first prediction of a process takes about a second more, for torch's imports.

    Args:
        model: Which model.
        patch_px: Side of the training and validation images.
        batch_size: Images per backward pass: TrainConfig.micro_batch where there is one.
        precision: "fp32", or "bf16" for autocast.
        images_per_step: TrainConfig.batch_size where it is larger: backward passes then add up
            their gradients.
        device: "cpu" or "cuda", an index may follow.
        calibration: Measured on the device; None takes UNCALIBRATED.

    Raises:
        ModelError: For a size or precision that no training has.

    Example:
        >>> footprint = predict_footprint(ModelConfig("baseline", 16, 16), 64, 16, "fp32")
        >>> footprint.num_parameters, round(footprint.peak_mib, 1)
        (180465, 14.4)
    """
    images_per_step = batch_size if images_per_step is None else images_per_step
    _check_sizes(patch_px, batch_size, images_per_step)
    if precision not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise ModelError(f"precision must be one of {known}, found {precision!r}: choose one")
    calibration = calibration or default_calibration(device)
    accumulates = images_per_step > batch_size
    return _predict(model, patch_px, batch_size, precision, accumulates, calibration)


def fit_micro_batch(
    model: ModelConfig,
    patch_px: int,
    batch_size: int,
    precision: str,
    budget_mib: float,
    device: str = "cpu",
    calibration: Calibration | None = None,
) -> int | None:
    """Return the most images per backward pass with which training fits into a budget.

    Args:
        model: Which model.
        patch_px: Side of the images.
        batch_size: Images per optimiser step.
        precision: "fp32" or "bf16".
        budget_mib: That the peak must not exceed.
        device: "cpu" or "cuda".
        calibration: Measured on the device; None takes UNCALIBRATED.

    Returns:
        A divisor of batch_size, so that all backward passes of a step are alike; None where not
        even one image fits.

    Example:
        >>> model = ModelConfig("residual", ratio=16, base_channels=16)
        >>> fit_micro_batch(model, 64, 16, "fp32", budget_mib=100.0)
        8
    """
    for micro_batch in micro_batches(batch_size):
        footprint = predict_footprint(
            model,
            patch_px,
            micro_batch,
            precision,
            images_per_step=batch_size,
            device=device,
            calibration=calibration,
        )
        if footprint.peak_mib <= budget_mib:
            return micro_batch
    return None


def micro_batches(batch_size: int) -> Iterator[int]:
    """Yield the sizes of micro-batches that a batch divides into, the whole batch first.

    >>> list(micro_batches(6))
    [6, 3, 2, 1]
    """
    return (size for size in range(batch_size, 0, -1) if batch_size % size == 0)


@lru_cache(maxsize=4096)
def _predict(
    model: ModelConfig,
    patch_px: int,
    batch_size: int,
    precision: str,
    accumulates: bool,
    calibration: Calibration,
) -> Footprint:
    step = simulate_step(model, patch_px, batch_size, precision, accumulates=accumulates)
    gradients_bytes = BYTES_PER_FLOAT * step.num_parameters
    step_counts_bytes = BYTES_PER_FLOAT * step.num_parameter_tensors
    workspace_bytes = step.peak_bytes - step.saved_bytes
    return Footprint(
        num_parameters=step.num_parameters,
        macs=step.macs,
        weights_mib=step.weights_bytes / MIB,
        gradients_mib=gradients_bytes / MIB,
        optimizer_mib=(MOMENTS * gradients_bytes + step_counts_bytes) / MIB,
        average_mib=step.weights_bytes / MIB,
        saved_mib=step.saved_bytes / MIB,
        workspace_mib=workspace_bytes / MIB * calibration.workspace_scale,
        fixed_mib=calibration.fixed_mib,
        context_mib=calibration.context_mib,
    )


def default_calibration(device: str) -> Calibration:
    """Return what is assumed of a device where nothing was measured.

    Raises:
        ModelError: For a kind of device that nothing is known of.
    """
    kind = device.partition(":")[0]
    if kind not in UNCALIBRATED:
        known = " or ".join(UNCALIBRATED)
        raise ModelError(
            f"memory is predicted for {known}, the device is {device!r}: pass a calibration of it"
        )
    return UNCALIBRATED[kind]


def _check_sizes(patch_px: int, batch_size: int, images_per_step: int) -> None:
    if patch_px < WINDOW_PX or patch_px % REDUCTION:
        raise ModelError(
            f"patch_px must be a positive multiple of {REDUCTION}, found {patch_px}: try 64"
        )
    if not 1 <= batch_size <= images_per_step:
        raise ModelError(
            f"batch_size must lie between 1 and images_per_step = {images_per_step}, found "
            f"{batch_size}: choose a smaller one"
        )
