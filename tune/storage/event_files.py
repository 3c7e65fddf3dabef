"""Event files for TensorBoard, one folder per trial below the study's `tensorboard`.

For watching only: the tables hold the same numbers. A resumed study adds a file with its new
epochs; TensorBoard joins them.
"""

from pathlib import Path
from typing import Any

from tune.trial.record import TrialRecord

SCALARS = {
    "psnr_db": ("train_psnr_db", "val_psnr_db"),
    "loss": ("train_loss", "val_loss"),
    "ssim": ("train_ssim", "val_ssim", "val_ms_ssim"),
    "learning_rate": ("learning_rate",),
    "gradient_norm": ("gradient_norm",),
    "samples_per_s": ("samples_per_s",),
    "measured_peak_mib": ("measured_peak_mib",),
}
"""What is written of an epoch, by the heading that it stands under."""


class TensorBoardLog:
    """Writes the epochs of running trials as they are reported.

    Args:
        folder: Where the trials' folders go; made with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[int, Any] = {}

    def write(self, record: TrialRecord) -> None:
        """Write the newest epoch of a running trial; close the file of one that has ended."""
        number = record.spec.number
        if record.outcome is not None:
            if (writer := self._writers.pop(number, None)) is not None:
                writer.close()
            return
        if number not in self._writers:
            from tensorboardX import SummaryWriter  # only for those who asked

            self._writers[number] = SummaryWriter(str(self._folder / trial_label(record)))
        epoch = record.epochs[-1]
        for heading, names in SCALARS.items():
            for name in names:
                if (value := getattr(epoch, name)) is not None:
                    self._writers[number].add_scalar(f"{heading}/{name}", value, epoch.epoch)
        self._writers[number].flush()


def trial_label(record: TrialRecord) -> str:
    """Return the name of a trial in TensorBoard: number, width and learning rate."""
    spec = record.spec
    return f"{spec.short_name}_b{spec.model.base_channels}_lr{spec.train.learning_rate:.2e}"
