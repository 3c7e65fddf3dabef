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
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.training.epoch_result import EpochResult, NonFiniteError
from models.training.epoch_sums import EpochMeans, EpochSums
from models.training.feeding import micro_batches, to_device
from models.training.losses import LossWeights, training_loss
from models.training.objective import OBJECTIVES
from models.training.session import TrainingSession, rate_model_of

CHECK_EVERY = 8
"""Steps between looks at the loss on an accelerator, where a look stalls the queue."""


def train_epochs(session: TrainingSession) -> Iterator[EpochResult]:
    """Trains from the epoch after session.epoch to the last, or until patience runs out.

    Raises:
        NonFiniteError: At the first non-finite loss, gradient norm or score. On the CPU every step
            is checked before its update; on an accelerator every eighth, through running sums,
            which stay non-finite once a term was.
    """
    config = session.train_config
    if session.control is not None and session.epoch == 0:
        _start_rate(session)
    while session.epoch < config.epochs and not _is_out_of_patience(session):
        epoch = session.epoch + 1
        multiplier = _multiplier(session)
        trained = _train_epoch(session, epoch)
        scores = _validate(session, epoch)
        session.schedule.finish_epoch(scores.loss)
        session.epoch = epoch
        result = EpochResult(
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
            is_last=epoch == config.epochs,
            rate_bpp=None if session.control is None else scores.rate_bpp,
            rate_target_bpp=None if session.control is None else session.control.target_bpp,
            multiplier=multiplier,
            val_ms_ssim=scores.ms_ssim,
        )
        session.early_stopping.observe(OBJECTIVES[config.objective].of(result))
        yield replace(result, is_last=result.is_last or _is_out_of_patience(session))


def _multiplier(session: TrainingSession) -> float | None:
    return None if session.control is None else session.control.multiplier


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
    config = session.train_config
    weights = LossWeights(config.mse_weight, config.ssim_weight, _multiplier(session) or 0.0)
    session.optimizer.zero_grad(set_to_none=True)
    for images in micro_batches(config, batch):
        x = to_device(config, images, session.device)
        parts = training_loss(session.model, x, weights, is_bf16=config.precision == "bf16")
        torch.autograd.backward(parts.loss * (len(images) / len(batch)))
        sums.add(parts)


def _clip_gradients(session: TrainingSession) -> Tensor:
    """Scale the gradient down to gradient_clip where it is larger; return its norm before."""
    parameters = [p for p in session.model.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
    if session.train_config.gradient_clip > 0:
        nn.utils.clip_grads_with_norm_(parameters, session.train_config.gradient_clip, norm)
    return norm


def _validate(session: TrainingSession, epoch: int) -> EpochMeans:
    """Scores the averaged weights on the validation batches, without old gradients."""
    model = session.scored_model()
    session.optimizer.zero_grad(set_to_none=True)
    if session.control is None:
        means = session.validation.score(model)
    else:
        means = session.validation.score_at_rate(model, rate_model_of(model), session.control)
        _share_scale(session)
    _require_finite(epoch, "val loss", means.loss)
    _require_finite(epoch, "val psnr_db", means.psnr_db)
    return means


def _start_rate(session: TrainingSession) -> None:
    """Fits the rate model of a fresh session to its latents."""
    assert session.control is not None
    scored = session.average.model
    session.validation.start_rate(scored, rate_model_of(scored), session.control)
    rate_model_of(session.model).load_state_dict(rate_model_of(scored).state_dict())


def _share_scale(session: TrainingSession) -> None:
    """Gives live and averaged weights the steps that the scored ones were set to."""
    scale = rate_model_of(session.scored_model()).log_scale.clone()
    for model in (session.model, session.average.model):
        rate_model_of(model).log_scale.copy_(scale)


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
