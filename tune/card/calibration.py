"""Calibrates the predicted memory of a study on its card: one short training, kept in a file.

The file lies in the results folder, so that the next study on the same card starts at once.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from models.footprint.calibration import MeasuredMemory, calibrate, measure_on_cuda
from models.registry import ModelConfig
from models.training.precision import Stack
from tune.card.child import run_in_child
from tune.card.device import Card, measure_card
from tune.card.packing import Packing
from tune.errors import UsageError


def calibrated(
    packing: Packing,
    results: Path,
    model: ModelConfig,
    crop_px: int,
    stack: Stack,
    run: Callable[..., MeasuredMemory] = lambda function, *arguments: function(*arguments),
) -> Packing:
    """Return a packing with the calibration of its card; a CPU needs none.

    Args:
        packing: How the trials of a study share the card.
        results: Folder where calibrations are kept.
        model: Of the trials, at any width.
        crop_px: Side of their crops.
        stack: How their training steps run.
        run: Calls a function with its arguments where the card is.

    Raises:
        UsageError: If the short training does not run on the card.
    """
    if not packing.num_gpus:
        return packing
    calibration = calibrate(
        results,
        packing.card.name,
        model,
        crop_px,
        stack.precision,
        stack.channels_last,
        lambda *asked: run(measure_in_child, packing.card, *asked),
    )
    return replace(packing, calibration=calibration)


def measure_in_child(
    card: Card,
    model: ModelConfig,
    patch_px: int,
    batch_size: int,
    precision: str,
    channels_last: bool,
) -> MeasuredMemory:
    """Measure in a process of its own; what others hold at that time is not the trial's.

    Raises:
        UsageError: If the training does not run.
    """
    held_mib = measure_card(card.device).held_mib
    try:
        measured = run_in_child(
            measure_on_cuda, model, patch_px, batch_size, precision, channels_last
        )
    except (RuntimeError, OSError) as error:  # torch's, or a child that was killed
        raise UsageError(
            f"a card is calibrated by a training of {model.arch} with {batch_size} images of "
            f"{patch_px} px, which ended on {card.name} with {type(error).__name__}: free the "
            "card, or search smaller crops (--crop-px)"
        ) from error
    return replace(measured, context_mib=max(0.0, measured.context_mib - held_mib))
