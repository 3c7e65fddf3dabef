"""A promoted run's model, taken from its checkpoint, at work on images.

Elsewhere: which checkpoints are kept (`tune.storage.recorder`), what they hold
(`models.training.checkpoint`).
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.networks.autoencoder import Autoencoder
from models.registry import build_model
from models.training.checkpoint import load_checkpoint
from models.training.session import check_rate_model
from tune.errors import UsageError
from tune.trial.record import TrialRecord

BATCH_SIZE = 16


class RunModel:
    """The scored weights of a run's best epoch, in the arithmetic that they were trained in.

    A `models.coding.quantiser_steps.Transform`: tensors come from the CPU and go back to it.

    Args:
        model: In evaluation mode, on its device.
        precision: "fp32", or "bf16" for autocast.
        device: Where it computes.
    """

    def __init__(self, model: Autoencoder, precision: str, device: str) -> None:
        self._model = model
        self._precision = precision
        self._device = torch.device(device)

    def encode(self, x: Tensor) -> Tensor:
        """Return the latents of images (N, 1, H, W), (N, C, H/16, W/16)."""
        return self._map(self._model.encode, x)

    def decode(self, latent: Tensor) -> Tensor:
        """Return the images of latents."""
        return self._map(self._model.decode, latent)

    @property
    def steps(self) -> NDArray[np.float64]:
        """The steps that were learnt for the channels of the latent, (C,); without any one, 1."""
        rate_model = self._model.rate_model
        if rate_model is None:
            return np.ones(())
        return rate_model.steps().detach().cpu().double().numpy()

    def _map(self, layer: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        is_bf16 = self._precision == "bf16"
        with (
            torch.inference_mode(),
            torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=is_bf16),
        ):
            parts = [layer(part.to(self._device)) for part in torch.split(values, BATCH_SIZE)]
            return torch.cat(parts).float().cpu()


class LostWeightsError(UsageError):
    """A run's checkpoint is not of its best epoch: the weights that were scored are lost."""


def load_run(record: TrialRecord) -> RunModel:
    """Return the model of a run that has ended.

    Raises:
        ModelError: If its checkpoint is missing or damaged.
        LostWeightsError: If the checkpoint is not of its best epoch.
        UsageError: If the checkpoint is of another run or another model.
    """
    spec, best = record.spec, record.best
    assert spec.checkpoint is not None
    assert best is not None
    path = Path(spec.checkpoint)
    checkpoint = load_checkpoint(path)
    found, owner = checkpoint.model_config, checkpoint.metadata.get("trial")
    if found != spec.model:
        raise UsageError(
            f"a run is scored with its own model, {spec.model.arch} {spec.model.ratio}x with "
            f"{spec.model.base_channels} base channels, found {found.arch} {found.ratio}x with "
            f"{found.base_channels} in {path}: put the run's checkpoint back, or promote anew with "
            "--new"
        )
    if owner != spec.name:
        raise UsageError(
            f"a run is scored with its own checkpoint, found one of {owner} in {path}: put the "
            f"one of {spec.name} back, or promote anew with --new"
        )
    epoch = checkpoint.metadata["epoch"]
    if epoch != best.epoch:
        raise LostWeightsError(
            f"a run is scored with the weights of its best epoch, {best.epoch}, found those of "
            f"epoch {epoch} in {path}, as a full disk leaves them: promote anew with --new"
        )
    scored = "average" if spec.train.score_weights == "ema" else "model"
    state = checkpoint.state[scored]
    model = build_model(spec.model).eval().requires_grad_(False)
    weights = state["model"] if scored == "average" else state
    check_rate_model(model, weights)
    model.load_state_dict(weights)
    # The driver of a cluster, which scores, need not have a card as its nodes have.
    device = spec.device if torch.cuda.is_available() else "cpu"
    return RunModel(model.to(device), spec.train.precision, device)
