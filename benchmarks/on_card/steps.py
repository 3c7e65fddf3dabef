"""The training steps that are timed beside the library's own, each a call on one batch of noise.

All but `session_step` are this benchmark's: what the product would have to adopt to run so.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from models.networks.autoencoder import Autoencoder
from models.registry import ModelConfig, build_model
from models.training.config import TrainConfig
from models.training.ema import DECAY, WeightAverage
from models.training.linear_start import ANY_START
from models.training.loop import train_epochs
from models.training.losses import LossWeights, decode, encode, training_loss
from models.training.probe import NoiseBatches
from models.training.session import TrainingSession

MULTIPLIER = 0.01
LEARNING_RATE = 1e-3
WARM_UPS = 3
"""Steps before a graph is captured, as torch.cuda.graphs asks for."""

Step = Callable[[], object]


def session_step(
    model: ModelConfig, config: TrainConfig, crop_px: int, device: str, steps_per_call: int
) -> Step:
    """Return an epoch of so many steps of the library, validation on one small image included."""
    train = NoiseBatches(crop_px, config.batch_size, num_batches=steps_per_call)
    session = TrainingSession(model, config, train, NoiseBatches(16, 1), device, ANY_START)
    epochs = train_epochs(session)
    return lambda: next(epochs)


class BareStep:
    """The library's step without its bookkeeping: forward, backward, clip, AdamW, average.

    Args:
        model: What is trained.
        config: Its batch, precision and layout.
        crop_px: Side of the images.
        device: Where it computes.
        compiled: torch.compile's backend for the loss; None leaves it eager.
    """

    def __init__(
        self,
        model: ModelConfig,
        config: TrainConfig,
        crop_px: int,
        device: str,
        compiled: str | None = None,
    ) -> None:
        self.model = _fresh(model, 0, device)
        if config.channels_last:
            self.model = self.model.to(memory_format=torch.channels_last)
        self._average = WeightAverage(self.model)
        self._optimizer = _adamw(list(self.model.parameters()), device)
        self._images = torch.rand(config.batch_size, 1, crop_px, crop_px, device=device)
        self._loss = _loss(self.model, is_bf16=config.precision == "bf16")
        if compiled is not None:
            self._loss = torch.compile(self._loss, backend=compiled)

    def __call__(self) -> None:
        """Train one step."""
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self._loss(self._images))
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._average.update()


def graphed(step: BareStep) -> Step:
    """Return the replay of a step that a CUDA graph has captured."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UPS):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def replay(_alive: BareStep = step) -> None:  # the graph writes into its tensors
        graph.replay()

    return replay


class GroupStep:
    """Equal-shaped trials as one program: their weights are stacked, their convolutions grouped.

    The similarity, which a trial reports but is not trained for, is left out, and so are the gates
    of attention, whose written-out gradient torch.func cannot map. Batch norms compute in fp32: in
    bf16 the mapped ones do not run.

    Args:
        model: The shape of all trials.
        config: Their batch and precision.
        crop_px: Side of the images.
        device: Where they compute.
        num_trials: How many.
    """

    def __init__(
        self, model: ModelConfig, config: TrainConfig, crop_px: int, device: str, num_trials: int
    ) -> None:
        is_bf16 = config.precision == "bf16"
        trials = [_Objective(_mappable(model, s, device), is_bf16) for s in range(num_trials)]
        self._parameters, self._buffers = stack_module_state(trials)
        self._skeleton = _Objective(_mappable(model, 0, device), is_bf16)
        self._optimizer = _adamw(list(self._parameters.values()), device)
        self._averages = [value.detach().clone() for value in self._parameters.values()]
        shape = (num_trials, config.batch_size, 1, crop_px, crop_px)
        self._images = torch.rand(shape, device=device)
        self._gradients = vmap(grad_and_value(self._objective), randomness="different")

    def __call__(self) -> None:
        """Train one step of every trial."""
        gradients, _ = self._gradients(self._parameters, self._buffers, self._images)
        for name, parameter in self._parameters.items():
            gradient = gradients[name]
            norms = gradient.flatten(1).norm(dim=1).clamp(min=1.0)
            parameter.grad = gradient / norms.view(-1, *[1] * (gradient.ndim - 1))
        self._optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(self._averages, list(self._parameters.values()), 1 - DECAY)

    def _objective(
        self, parameters: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor
    ) -> Tensor:
        found: Tensor = functional_call(self._skeleton, (parameters, buffers), (images,))
        return found


class _Objective(nn.Module):
    """Squared error and rate of a model, as the module that torch.func can call."""

    def __init__(self, model: Autoencoder, is_bf16: bool) -> None:
        super().__init__()
        self.model = model
        self._is_bf16 = is_bf16

    def forward(self, images: Tensor) -> Tensor:
        latent = encode(self.model, images, is_bf16=self._is_bf16)
        rate_model = self.model.rate_model
        assert rate_model is not None
        x_hat = decode(self.model, rate_model.quantise(latent), is_bf16=self._is_bf16)
        rate = rate_model.bits(rate_model.add_noise(latent)).mean() / images[0].numel()
        return (x_hat - images).square().mean() + MULTIPLIER * rate


def _loss(model: Autoencoder, *, is_bf16: bool) -> Callable[[Tensor], Tensor]:
    weights = LossWeights(1.0, 0.0, MULTIPLIER)
    return lambda images: training_loss(model, images, weights, is_bf16=is_bf16).loss


def _fresh(config: ModelConfig, seed: int, device: str) -> Autoencoder:
    model = build_model(config, seed=seed)
    if model.path is not None:
        ANY_START.apply(model.path)
    return model.to(device).train()


class _NormInFp32(nn.BatchNorm2d):
    """A batch norm whose input and weights are of one type."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype)


def _mappable(config: ModelConfig, seed: int, device: str) -> Autoencoder:
    model = _fresh(config, seed, device)
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = _NormInFp32
    return model


def _adamw(parameters: list[Tensor], device: str) -> torch.optim.AdamW:
    """Return an optimiser whose step a graph can capture: its rate and counts lie on the device."""
    is_card = device == "cuda"
    rate = torch.tensor(LEARNING_RATE, device=device) if is_card else LEARNING_RATE
    return torch.optim.AdamW(parameters, lr=rate, fused=True, capturable=is_card)
