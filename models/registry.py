"""The architectures by name, and the one function that builds them.

Importing this module is light: it names the architectures and checks configurations without
torch, which is imported when a model is built. How to add one: docs/ADDING_AN_ARCHITECTURE.md.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.errors import ModelError
from models.shapes import RATIOS, REDUCTION

if TYPE_CHECKING:
    from models.networks.autoencoder import Autoencoder


@dataclass(frozen=True)
class Architecture:
    """A family of autoencoders, one per ratio and width.

    Attributes:
        name: What --arch calls it.
        build: Makes the model of a configuration; imports torch when called.
        usual_base_channels: The width of the predecessor's best-known run.
        summary: One line for help texts and reports.
    """

    name: str
    build: Callable[[ModelConfig], Autoencoder]
    usual_base_channels: int
    summary: str


@dataclass(frozen=True)
class ModelConfig:
    """Which model: all that its weights' shapes depend on.

    Attributes:
        arch: A key of ARCHITECTURES.
        ratio: Input elements per latent element, a divisor of 256.
        base_channels: Channels at full resolution; the other widths are multiples of it.
        dropout: Probability that training zeroes a feature map behind the first decoder stage;
            0 leaves the layer out.

    Raises:
        ModelError: For a value that no model has.

    Example:
        >>> ModelConfig(arch="attention", ratio=16, base_channels=48).latent_channels
        16
    """

    arch: str
    ratio: int
    base_channels: int
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            raise ModelError(f"arch must be one of {known}, found {self.arch!r}: choose one")
        if not _is_count(self.ratio) or REDUCTION**2 % self.ratio:
            raise ModelError(
                f"ratio must be a whole divisor of {REDUCTION**2}, so that the latent has a whole "
                f"number of channels, found {self.ratio!r}: choose one of {RATIOS}"
            )
        if not _is_count(self.base_channels):
            raise ModelError(
                "base_channels must be a whole number above 0, "
                f"found {self.base_channels!r}: try {self.architecture.usual_base_channels}"
            )
        if not 0 <= self.dropout < 1:
            raise ModelError(
                f"dropout must be at least 0 and below 1, found {self.dropout!r}: 0 switches it off"
            )

    @property
    def architecture(self) -> Architecture:
        """The entry of ARCHITECTURES."""
        return ARCHITECTURES[self.arch]

    @property
    def latent_channels(self) -> int:
        """256 / ratio: the latent has 1 / 256 of the image's positions."""
        return REDUCTION**2 // self.ratio


def build_model(config: ModelConfig, *, seed: int | None = None) -> Autoencoder:
    """Builds a model with fresh weights on the CPU, or on the device of a torch.device context.

    Args:
        config: Which model.
        seed: Of the weights: the same seed gives the same weights and leaves torch's global
            generator as it was. None draws them from the global generator.

    Example:
        >>> import torch
        >>> model = build_model(ModelConfig("baseline", ratio=16, base_channels=8), seed=0)
        >>> x_hat, latent = model(torch.zeros(2, 1, 64, 32))
        >>> x_hat.shape, latent.shape
        (torch.Size([2, 1, 64, 32]), torch.Size([2, 16, 4, 2]))
    """
    if seed is None:
        return config.architecture.build(config)
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return config.architecture.build(config)


def count_parameters(model: Autoencoder) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _load(module: str, name: str) -> Callable[[ModelConfig], Autoencoder]:
    """Return a builder that imports the architecture's class when it is first needed."""

    def build(config: ModelConfig) -> Autoencoder:
        networks = importlib.import_module(f"models.networks.{module}")
        architecture: Callable[..., Autoencoder] = getattr(networks, name)
        return architecture(config.base_channels, config.latent_channels, config.dropout)

    return build


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


# fmt: off
ARCHITECTURES: Mapping[str, Architecture] = {a.name: a for a in (
    Architecture("baseline", _load("baseline", "Baseline"), 64, "strided 5x5 convolutions"),
    Architecture("resnet", _load("resnet", "ResNet"), 32, "post-activation residual blocks"),
    Architecture("residual", _load("residual", "Residual"), 32, "pre-activation blocks"),
    Architecture("attention", _load("attention", "Attention"), 48, "residual, CBAM gates"),
)}
# fmt: on
