"""How one run is trained, as a value that refuses what cannot be trained. Needs no torch."""

import math
from dataclasses import dataclass

from models.errors import ModelError
from models.training.objective import OBJECTIVES
from models.training.schedules import SCHEDULES

PRECISIONS = ("fp32", "bf16")
SCORE_WEIGHTS = ("ema", "live")


@dataclass(frozen=True)
class TrainConfig:
    """How one run is trained.

    Attributes:
        learning_rate: Highest learning rate of AdamW.
        warmup_epochs: Epochs of the linear rise from a tenth of it; 0 for none.
        epochs: Epochs of the whole run, the warmup included.
        weight_decay: Of weights; norms and biases have none.
        schedule: One of models.training.schedules.SCHEDULES.
        gradient_clip: Largest norm of the gradient; 0 switches clipping off.
        mse_weight: Weight of MSE in the loss.
        ssim_weight: Weight of 1 - SSIM in the loss.
        batch_size: Images per optimiser step.
        micro_batch: Images per backward pass where memory asks for fewer; None for all.
        patience: Epochs without a better score by the objective after which the run stops.
        seed: Of initial weights and dropout.
        precision: "fp32", or "bf16" for autocast.
        channels_last: Whether weights and activations lie in NHWC order.
        score_weights: "ema" scores the averaged weights, "live" the ones being trained.
        objective: Which validation score says what is better, one of OBJECTIVES; the loss is not
            changed by it.
    """

    learning_rate: float = 1e-4
    warmup_epochs: int = 3
    epochs: int = 20
    weight_decay: float = 1e-5
    schedule: str = "plateau"
    gradient_clip: float = 1.0
    mse_weight: float = 0.5
    ssim_weight: float = 0.5
    batch_size: int = 16
    micro_batch: int | None = None
    patience: int = 20
    seed: int = 0
    precision: str = "fp32"
    channels_last: bool = False
    score_weights: str = "ema"
    objective: str = "psnr"

    def __post_init__(self) -> None:
        _require_one_of("schedule", self.schedule, SCHEDULES)
        _require_one_of("precision", self.precision, PRECISIONS)
        _require_one_of("score_weights", self.score_weights, SCORE_WEIGHTS)
        _require_one_of("objective", self.objective, tuple(OBJECTIVES))
        for name in ("epochs", "batch_size", "patience"):
            _require(name, getattr(self, name), at_least=1)
        for name in ("warmup_epochs", "weight_decay", "gradient_clip", "mse_weight", "ssim_weight"):
            _require(name, getattr(self, name), at_least=0)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ModelError(
                f"learning_rate must be positive, found {self.learning_rate}: try 1e-4"
            )
        if self.warmup_epochs > self.epochs:
            raise ModelError(
                f"warmup_epochs must not exceed epochs, found {self.warmup_epochs} and "
                f"{self.epochs}: shorten the warmup or train longer"
            )
        if self.mse_weight + self.ssim_weight == 0:
            raise ModelError(
                "mse_weight and ssim_weight must not both be 0, or there is nothing to learn: "
                "set one of them, such as 0.5"
            )
        if self.micro_batch is not None and not 1 <= self.micro_batch <= self.batch_size:
            raise ModelError(
                f"micro_batch must lie between 1 and batch_size = {self.batch_size}, found "
                f"{self.micro_batch}: choose a smaller one or leave it out"
            )


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ModelError(f"{name} must be one of {', '.join(known)}, found {value!r}: choose one")


def _require(name: str, value: float, *, at_least: int) -> None:
    if not (math.isfinite(value) and value >= at_least):
        raise ModelError(f"{name} must be at least {at_least}, found {value}: set it higher")
