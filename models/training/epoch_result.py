"""What an epoch of training ends in: a result, or the error that a number stopped being one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class EpochResult:
    """What one epoch did.

    Attributes:
        epoch: Counts from 1.
        train_loss: Mean over images; train_* come from the live weights while they learn.
        train_mse: Mean over images.
        train_ssim: Mean over images.
        train_psnr_db: Mean over images.
        val_loss: Mean over images; val_* come from the scored weights.
        val_mse: Mean over images.
        val_ssim: Mean over images.
        val_psnr_db: Mean over images.
        learning_rate: Of the last step.
        gradient_norm: Mean over steps, before clipping.
        train_s: Seconds of training.
        val_s: Seconds of validation.
        num_samples: Images trained on.
        samples_per_s: num_samples / train_s.
        measured_peak_mib: Since the session was made.
        memory_method: What was measured, see models.training.peak_memory.PeakMemory.
        is_last: True when the run ends here, at its last epoch or by its patience.
        rate_bpp: Rate of the validation images that the val scores are taken at, as the rate model
            estimates it, in bits per pixel; None where latents are not quantised.
        rate_target_bpp: The rate that was aimed at; None likewise.
        multiplier: What a bit per pixel counted in this epoch's loss; None likewise.
        val_ms_ssim: Mean over images; None unless it is the objective, because it takes time.
    """

    epoch: int
    train_loss: float
    train_mse: float
    train_ssim: float
    train_psnr_db: float
    val_loss: float
    val_mse: float
    val_ssim: float
    val_psnr_db: float
    learning_rate: float
    gradient_norm: float
    train_s: float
    val_s: float
    num_samples: int
    samples_per_s: float
    measured_peak_mib: float
    memory_method: str
    is_last: bool
    rate_bpp: float | None = None
    rate_target_bpp: float | None = None
    multiplier: float | None = None
    val_ms_ssim: float | None = None


class NonFiniteError(ArithmeticError):
    """A loss, score or gradient became NaN or infinite; training on would be noise.

    Attributes:
        epoch: The epoch it happened in.
        quantity: What it was: "train loss", "gradient norm", "val loss" or "val psnr_db".
        value: NaN or an infinity.
    """

    def __init__(self, epoch: int, quantity: str, value: float) -> None:
        super().__init__(epoch, quantity, value)
        self.epoch = epoch
        self.quantity = quantity
        self.value = value

    def __str__(self) -> str:
        return f"{self.quantity} is {self.value} in epoch {self.epoch}"
