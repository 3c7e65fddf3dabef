"""A model in training: all that must survive a resume, as one object.

How it is driven from epoch to epoch is in models.training.loop.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from models.errors import ModelError
from models.networks.autoencoder import Autoencoder
from models.networks.rate_model import RateModel
from models.registry import ModelConfig, build_model
from models.training.adamw import EagerAdamW
from models.training.config import TrainConfig
from models.training.ema import WeightAverage
from models.training.linear_start import LinearStart
from models.training.peak_memory import PeakMemory
from models.training.rate_control import RateControl
from models.training.schedules import Schedule
from models.training.sources import BatchSource
from models.training.validation import Validation


@dataclass
class EarlyStopping:
    """The best score by the objective so far and the epochs since."""

    best_score: float = -math.inf
    epochs_since_best: int = 0

    def observe(self, score: float) -> None:
        """Takes an epoch's score into account; an equal score is no improvement."""
        if score > self.best_score:
            self.best_score = score
            self.epochs_since_best = 0
        else:
            self.epochs_since_best += 1


class TrainingSession:
    """A model in training: all that must survive a resume.

    Attributes:
        epoch: The last finished epoch, 0 before the first.
        model: The live weights.
        average: The averaged weights.
        control: What keeps it at its target rate; None where latents are not quantised.

    Args:
        model_config: What is trained.
        train_config: How.
        train: Batches to train on.
        val: Batches to score on.
        device: Where.
        start: What a linear path starts from; a model without one needs none.

    Raises:
        ModelError: When the model has a linear path and there is no start for it.
    """

    def __init__(
        self,
        model_config: ModelConfig,
        train_config: TrainConfig,
        train: BatchSource,
        val: BatchSource,
        device: str = "cpu",
        start: LinearStart | None = None,
    ) -> None:
        self.model_config = model_config
        self.train_config = train_config
        self.train = train
        self.device = torch.device(device)
        self.memory = PeakMemory(self.device)
        self.epoch = 0
        self.model = _build(model_config, train_config.seed, start).to(self.device)
        if train_config.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.model)
        self.validation = Validation(train_config, val, self.device)
        self.control = (
            None if self.model.rate_model is None else RateControl(model_config.target_bpp)
        )
        self.optimizer = build_optimizer(self.model, train_config)
        self.schedule = Schedule(
            train_config.schedule,
            warmup_steps=train_config.warmup_epochs * train.num_batches,
            total_steps=train_config.epochs * train.num_batches,
        )
        self.early_stopping = EarlyStopping()

    def scored_model(self) -> Autoencoder:
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
            "multiplier": None if self.control is None else self.control.multiplier,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues after the epoch that state was taken at.

        Raises:
            ModelError: When the state is that of a model without the rate model of this one.
        """
        check_rate_model(self.model, state["model"])
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        stopping = dict(state["early_stopping"])
        if "best_psnr_db" in stopping:  # of a checkpoint from before there were objectives
            stopping["best_score"] = stopping.pop("best_psnr_db")
        self.early_stopping = EarlyStopping(**stopping)
        if self.control is not None:
            self.control.multiplier = state["multiplier"]


def rate_model_of(model: Autoencoder) -> RateModel:
    """Return the rate model of a model that has one."""
    assert model.rate_model is not None
    return model.rate_model


def check_rate_model(model: Autoencoder, state: Mapping[str, Any]) -> None:
    """Refuse the weights of a model without rate model for one that has it.

    Raises:
        ModelError: When the weights lack it.
    """
    if model.rate_model is not None and "rate_model.log_scale" not in state:
        raise ModelError(
            "a model that is trained for bytes keeps its rate model in its checkpoint, found one "
            "without it: take a checkpoint of a training with the rate bytes, or train again"
        )


def _build(config: ModelConfig, seed: int, start: LinearStart | None) -> Autoencoder:
    """Return a fresh model, its linear path at its start."""
    model = build_model(config, seed=seed)
    if model.path is not None:
        if start is None:
            raise ModelError(
                "a model with a linear path starts from the block KLT of its corpus, found none: "
                "pass a models.training.linear_start.LinearStart"
            )
        start.apply(model.path)
    return model


def build_optimizer(model: nn.Module, config: TrainConfig) -> EagerAdamW:
    """AdamW in its fused form; only weights of networks decay.

    Vectors and scalars, that is norms and biases, do not, nor do a linear path, which would decay
    away from the optimum that it starts at, and a rate model, whose numbers mean widths.
    """
    free: list[nn.Parameter] = []
    decaying: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim > 1 and not name.startswith(("path.", "rate_model."))
            (decaying if decays else free).append(parameter)
    groups = [
        {"params": decaying, "weight_decay": config.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return EagerAdamW(groups, lr=config.learning_rate, fused=True)
