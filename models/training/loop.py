"""Training as a generator of epochs: it knows neither Ray nor where files lie.

A TrainingSession holds all that must survive a resume; train_epochs drives it and yields one
EpochResult per epoch. Everything random is a function of (seed, epoch): the batches come so from
their source, dropout is reseeded at the start of every epoch inside a forked generator. So a
resumed run repeats an uninterrupted one bit for bit, and nobody's global generator moves.

Elsewhere: learning rates in models.training.schedules, averaged weights in models.training.ema,
files in models.training.checkpoint, the choice of precision and memory layout in
models.training.precision.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.registry import ModelConfig, build_model
from models.training.adamw import EagerAdamW
from models.training.config import TrainConfig
from models.training.ema import WeightAverage
from models.training.epoch_result import EpochResult, NonFiniteError
from models.training.epoch_sums import EpochMeans, EpochSums
from models.training.losses import LossParts, reconstruction_loss
from models.training.peak_memory import PeakMemory
from models.training.schedules import Schedule

__all__ = [
    "BatchSource",
    "EarlyStopping",
    "EpochResult",
    "NonFiniteError",
    "TrainConfig",
    "TrainingSession",
    "build_optimizer",
    "train_epochs",
]

CHECK_EVERY = 8
"""Steps between looks at the loss on an accelerator, where a look stalls the queue."""


class BatchSource(Protocol):
    """Where batches come from: data.batches has one for training and one for validation."""

    def epoch(self, epoch: int) -> Iterator[NDArray[np.float32]]:
        """Yield the batches of an epoch, each (N, 1, H, W) in [0, 1]; the same on every call."""
        ...

    @property
    def num_batches(self) -> int:
        """Batches per epoch."""
        ...


@dataclass
class EarlyStopping:
    """The best validation PSNR so far and the epochs since."""

    best_psnr_db: float = -math.inf
    epochs_since_best: int = 0

    def observe(self, psnr_db: float) -> None:
        """Takes an epoch's score into account; an equal score is no improvement."""
        if psnr_db > self.best_psnr_db:
            self.best_psnr_db = psnr_db
            self.epochs_since_best = 0
        else:
            self.epochs_since_best += 1


class TrainingSession:
    """A model in training: all that must survive a resume.

    Attributes:
        epoch: The last finished epoch, 0 before the first.
        model: The live weights.
        average: The averaged weights.
    """

    def __init__(
        self,
        model_config: ModelConfig,
        train_config: TrainConfig,
        train: BatchSource,
        val: BatchSource,
        device: str = "cpu",
    ) -> None:
        self.model_config = model_config
        self.train_config = train_config
        self.train = train
        self.val = val
        self.device = torch.device(device)
        self.memory = PeakMemory(self.device)
        self.epoch = 0
        self.model = build_model(model_config, seed=train_config.seed).to(self.device)
        if train_config.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.model)
        self.optimizer = build_optimizer(self.model, train_config)
        self.schedule = Schedule(
            train_config.schedule,
            warmup_steps=train_config.warmup_epochs * train.num_batches,
            total_steps=train_config.epochs * train.num_batches,
        )
        self.early_stopping = EarlyStopping()

    def scored_model(self) -> nn.Module:
        """Return the model that validation scores, in evaluation mode."""
        if self.train_config.score_weights == "ema":
            return self.average.model
        return self.model.eval()

    def state_dict(self) -> dict[str, Any]:
        """All that changes while training; tensors are shared: save or copy before going on."""
        return {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "early_stopping": dict(vars(self.early_stopping)),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues after the epoch that state was taken at."""
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.early_stopping = EarlyStopping(**state["early_stopping"])


def build_optimizer(model: nn.Module, config: TrainConfig) -> EagerAdamW:
    """AdamW in its fused form; vectors and scalars, that is norms and biases, do not decay."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return EagerAdamW(groups, lr=config.learning_rate, fused=True)


def train_epochs(session: TrainingSession) -> Iterator[EpochResult]:
    """Trains from the epoch after session.epoch to the last, or until patience runs out.

    Raises:
        NonFiniteError: At the first non-finite loss, gradient norm or score. On the CPU every step
            is checked before its update; on an accelerator every eighth, through running sums,
            which stay non-finite once a term was.
    """
    config = session.train_config
    while session.epoch < config.epochs and not _is_out_of_patience(session):
        epoch = session.epoch + 1
        trained = _train_epoch(session, epoch)
        scores = _validate(session, epoch)
        session.schedule.finish_epoch(scores.loss)
        session.early_stopping.observe(scores.psnr_db)
        session.epoch = epoch
        yield EpochResult(
            epoch=epoch,
            train_loss=trained.loss,
            train_mse=trained.mse,
            train_ssim=trained.ssim,
            train_psnr_db=trained.psnr_db,
            val_loss=scores.loss,
            val_mse=scores.mse,
            val_ssim=scores.ssim,
            val_psnr_db=scores.psnr_db,
            learning_rate=session.optimizer.param_groups[0]["lr"],
            gradient_norm=trained.gradient_norm,
            train_s=trained.seconds,
            val_s=scores.seconds,
            num_samples=trained.num_images,
            samples_per_s=trained.num_images / trained.seconds,
            measured_peak_mib=session.memory.read_mib(),
            memory_method=session.memory.method,
            is_last=epoch == config.epochs or _is_out_of_patience(session),
        )


def _train_epoch(session: TrainingSession, epoch: int) -> EpochMeans:
    """One pass over the training batches."""
    session.model.train()
    first_step = (epoch - 1) * session.train.num_batches
    check_every = 1 if session.device.type == "cpu" else CHECK_EVERY
    sums = EpochSums(session.device)
    with _seeded_dropout(session, epoch):
        for index, batch in enumerate(session.train.epoch(epoch)):
            _accumulate_gradients(session, batch, sums)
            norm = _clip_gradients(session)
            sums.gradient_norm += norm
            sums.num_steps += 1
            if index % check_every == 0:
                _require_finite(epoch, "train loss", float(sums.scores[0]))
                _require_finite(epoch, "gradient norm", float(sums.gradient_norm))
            factor = session.schedule.factor(first_step + index)
            for group in session.optimizer.param_groups:
                group["lr"] = session.train_config.learning_rate * factor
            session.optimizer.step()
            session.average.update()
    means = sums.read_means()
    _require_finite(epoch, "train loss", means.loss)
    _require_finite(epoch, "gradient norm", means.gradient_norm)
    return means


def _accumulate_gradients(
    session: TrainingSession, batch: NDArray[np.float32], sums: EpochSums
) -> None:
    """Gradients of the mean loss over the batch, in micro-batches where asked."""
    session.optimizer.zero_grad(set_to_none=True)
    for images in _micro_batches(session.train_config, batch):
        parts = _forward(session, session.model, images)
        torch.autograd.backward(parts.loss * (len(images) / len(batch)))
        sums.add(parts)


def _micro_batches(
    config: TrainConfig, batch: NDArray[np.float32]
) -> Iterator[NDArray[np.float32]]:
    """Yield the parts of a batch that go through the network; the last may be smaller."""
    size = config.micro_batch or len(batch)
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def _forward(session: TrainingSession, model: nn.Module, images: NDArray[np.float32]) -> LossParts:
    """Return the loss of a batch, in the configured precision and memory layout."""
    config = session.train_config
    layout = torch.channels_last if config.channels_last else torch.contiguous_format
    x = torch.from_numpy(images).to(session.device, memory_format=layout, non_blocking=True)
    is_bf16 = config.precision == "bf16"
    with torch.autocast(session.device.type, dtype=torch.bfloat16, enabled=is_bf16):
        x_hat, _ = model(x)
    return reconstruction_loss(x_hat, x, config.mse_weight, config.ssim_weight)


def _clip_gradients(session: TrainingSession) -> Tensor:
    """Scale the gradient down to gradient_clip where it is larger; return its norm before."""
    parameters = [p for p in session.model.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if session.train_config.gradient_clip > 0:
        nn.utils.clip_grads_with_norm_(parameters, session.train_config.gradient_clip, norm)
    return norm


def _validate(session: TrainingSession, epoch: int) -> EpochMeans:
    """Scores the averaged weights on the validation batches.

    In micro-batches where training needs them and without old gradients, so that the peak of an
    epoch is that of its training.
    """
    model = session.scored_model()
    session.optimizer.zero_grad(set_to_none=True)
    sums = EpochSums(session.device)
    with torch.inference_mode():
        for batch in session.val.epoch(epoch):
            for images in _micro_batches(session.train_config, batch):
                sums.add(_forward(session, model, images))
    means = sums.read_means()
    _require_finite(epoch, "val loss", means.loss)
    _require_finite(epoch, "val psnr_db", means.psnr_db)
    return means


@contextmanager
def _seeded_dropout(session: TrainingSession, epoch: int) -> Iterator[None]:
    """Torch's generators, seeded by (seed, epoch) inside and as they were outside."""
    device = session.device
    words = np.random.SeedSequence([session.train_config.seed, epoch]).generate_state(1, np.uint64)
    seed = int(words[0])
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        yield


def _is_out_of_patience(session: TrainingSession) -> bool:
    steps = session.train.num_batches
    return (
        session.early_stopping.epochs_since_best >= session.train_config.patience
        and session.schedule.may_stop((session.epoch - 1) * steps, session.epoch * steps)
    )


def _require_finite(epoch: int, quantity: str, value: float) -> None:
    if not math.isfinite(value):
        raise NonFiniteError(epoch, quantity, value)
