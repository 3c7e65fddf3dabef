"""Stage 3: predicted memory against the allocator's and the driver's, corner sizes first."""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from benchmarks.footprint import measure_peak_mib
from benchmarks.on_card.context import Context
from benchmarks.on_card.models import NETWORKS, trial_model
from benchmarks.on_card.rows import Figures, Row
from models.footprint.calibration import MeasuredMemory, calibrate, measure_on_cuda
from models.footprint.predict import Calibration, default_calibration, predict_footprint
from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.card.device import Card, measure_card
from tune.card.packing import plan_packing
from tune.config.profiles import MAX_CUDA_WORKERS

WIDTHS = (16, 32, 64)
CROPS_PX = (64, 128, 256)
BATCHES = (8, 16, 32)
PRECISIONS = ("fp32", "bf16")
HEADROOM = 0.1
TOLERANCE = 0.1
SMALL_CARD = Card("cuda", "8 GiB", total_mib=8192, free_mib=7600)
"""The reference card beside a desktop, as the sizes of the profile assume it."""

CLAIM = (
    f"tensors within ±{TOLERANCE:.0%} of the prediction, "
    "and the process within what is reserved for it"
)


@dataclass(frozen=True)
class Size:
    """A training whose memory is predicted and measured."""

    arch: str
    base_channels: int
    crop_px: int
    batch_size: int
    precision: str

    @property
    def model(self) -> ModelConfig:
        """The model that is trained."""
        return trial_model(self.arch, self.base_channels)

    @property
    def channels_last(self) -> bool:
        """The order of tensors, which training chooses with bf16."""
        return self.precision == "bf16"


def measure(context: Context) -> Iterator[Row]:
    """Yield predictions and measurements, the constants behind them, and what 8 GiB would hold."""
    free_mib = measure_card(context.device).free_mib
    kinds: dict[tuple[str, int, str], Calibration | None] = {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        for size in sizes(rehearsal=context.is_rehearsal):
            if context.remaining_s < 0.1 * context.limit_s:
                break
            kind = (size.arch, size.crop_px, size.precision)
            if kind not in kinds:
                kinds[kind] = found = _calibration(context, size, Path(folder))
                if found is not None:
                    yield _constants(size, found, context.device)
                    yield from _on_small_card(size, found)
            calibration = kinds[kind]
            if calibration is not None:
                yield compare(size, calibration, context.device, free_mib)


def sizes(*, rehearsal: bool) -> list[Size]:
    """Return all sizes, corners first: smallest or largest in every respect.

    >>> len(sizes(rehearsal=False)), sizes(rehearsal=False)[0].crop_px in (64, 256)
    (216, True)
    """
    if rehearsal:
        return [Size("baseline", 16, 64, 8, "fp32"), Size("resnet", 16, 64, 8, "fp32")]
    found = [Size(*values) for values in product(NETWORKS, WIDTHS, CROPS_PX, BATCHES, PRECISIONS)]
    random.Random(0).shuffle(found)

    def num_middles(size: Size) -> int:
        middles = (WIDTHS[1], CROPS_PX[1], BATCHES[1])
        values = (size.base_channels, size.crop_px, size.batch_size)
        return sum(value == middle for value, middle in zip(values, middles, strict=True))

    return sorted(found, key=num_middles)


def compare(size: Size, calibration: Calibration, device: str, free_mib: float) -> Row:
    """Return predicted and measured memory of a size."""
    predicted = predict_footprint(
        size.model,
        size.crop_px,
        size.batch_size,
        size.precision,
        device=device,
        calibration=calibration,
    )
    figures: Figures = {
        "model": f"{size.arch}{size.base_channels}",
        "px": size.crop_px,
        "batch": size.batch_size,
        "precision": size.precision,
        "predicted MiB": predicted.allocated_mib,
        "with context": predicted.peak_mib,
    }
    table = "Predicted and measured"
    if predicted.peak_mib > (1 - HEADROOM) * free_mib:
        return Row(table, {**figures, "note": "does not fit"})
    try:
        found = _measured(size, device)
    except torch.OutOfMemoryError:
        return Row(table, {**figures, "note": "out of memory"}, CLAIM, holds=False)
    process_mib = found.allocated_mib + found.context_mib
    error = predicted.allocated_mib / found.allocated_mib - 1
    figures = {
        **figures,
        "measured MiB": found.allocated_mib,
        "process MiB": process_mib,
        "error": f"{error:+.1%}",
    }
    is_reserved = process_mib <= predicted.peak_mib / (1 - HEADROOM)
    return Row(table, figures, CLAIM, abs(error) <= TOLERANCE and is_reserved)


def _measured(size: Size, device: str) -> MeasuredMemory:
    if device == "cuda":
        return measure_on_cuda(
            size.model, size.crop_px, size.batch_size, size.precision, size.channels_last
        )
    config = TrainConfig(
        batch_size=size.batch_size, precision=size.precision, channels_last=size.channels_last
    )
    return MeasuredMemory(measure_peak_mib(size.model, config, size.crop_px), context_mib=0.0)


def _calibration(context: Context, size: Size, folder: Path) -> Calibration | None:
    """Return the calibration of a kind of model; None where its probe does not fit."""
    if context.device == "cpu":
        return default_calibration("cpu")
    name = torch.cuda.get_device_name()
    kind = (size.model, size.crop_px, size.precision, size.channels_last)
    try:
        return calibrate(folder, name, *kind, measure_on_cuda)
    except torch.OutOfMemoryError:
        return None


def _constants(size: Size, calibration: Calibration, device: str) -> Row:
    assumed = default_calibration(device)
    figures = {
        "model": size.arch,
        "px": size.crop_px,
        "precision": size.precision,
        "workspace, of the counted": calibration.workspace_scale,
        "assumed": assumed.workspace_scale,
        "libraries MiB": calibration.fixed_mib,
        "assumed MiB": assumed.fixed_mib,
        "context MiB": calibration.context_mib,
        "assumed context MiB": assumed.context_mib,
    }
    return Row("What a calibration measured, beside what is assumed without one", figures)


def _on_small_card(size: Size, calibration: Calibration) -> Iterator[Row]:
    """Yield how many trials the reference card would hold, by this card's constants."""
    packing = plan_packing(
        SMALL_CARD, headroom=HEADROOM, max_concurrent=MAX_CUDA_WORKERS, num_cores=MAX_CUDA_WORKERS
    )
    for base_channels in WIDTHS:
        footprint = predict_footprint(
            trial_model(size.arch, base_channels),
            size.crop_px,
            BATCHES[1],
            size.precision,
            device="cuda",
            calibration=calibration,
        )
        figures = {
            "model": f"{size.arch}{base_channels}",
            "px": size.crop_px,
            "precision": size.precision,
            "MiB": footprint.peak_mib,
            "fit side by side": int(packing.usable_mib / footprint.peak_mib),
        }
        yield Row("What this implies for 8 GiB, batch 16 (computed, not measured)", figures)
