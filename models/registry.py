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
from models.shapes import RATIOS, REDUCTION, nominal_channels, target_bpp

if TYPE_CHECKING:
    from models.networks.autoencoder import Autoencoder

RATES = ("elements", "bytes")
"""What a ratio counts: elements of image and latent, or bytes of an 8-bit image and its code."""

MAX_ELEMENT_BITS = 8


@dataclass(frozen=True)
class Architecture:
    """A family of autoencoders, one per ratio and width.

    Attributes:
        name: What --arch calls it.
        build: Makes the model of a configuration; imports torch when called.
        usual_base_channels: The width of the predecessor's best-known run.
        summary: One line for help texts and reports.
        has_network: Whether there is a network, and with it base channels; `linear` has none.
    """

    name: str
    build: Callable[[ModelConfig], Autoencoder]
    usual_base_channels: int
    summary: str
    has_network: bool = True


@dataclass(frozen=True)
class ModelConfig:
    """Which model: all that its weights' shapes depend on.

    Attributes:
        arch: A key of ARCHITECTURES.
        ratio: A divisor of 256. With the rate "elements", input elements per latent element; with
            "bytes", bits of an 8-bit image over bits of its code.
        base_channels: Channels at full resolution; the other widths are multiples of it.
        dropout: Probability that training zeroes a feature map behind the first decoder stage;
            0 leaves the layer out.
        latent_channels: Channels of the latent, which has 1 / 256 of the image's positions; 0
            stands for 256 / ratio, and "elements" allows no other number. With "bytes" it is the
            most that are used: training silences what does not pay.
        linear_path: Whether a linear path stands beside the network; `linear` is nothing else.
        rate: One of RATES: whether the ratio counts elements, or bytes of the code.

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
    latent_channels: int = 0
    linear_path: bool = False
    rate: str = "elements"

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
        if self.rate not in RATES:
            raise ModelError(
                f"rate must be one of {', '.join(RATES)}, found {self.rate!r}: choose one"
            )
        self._complete()
        self._check_latent_channels()

    def _complete(self) -> None:
        """Fill in what follows from the other values; the class is frozen for everybody else."""
        if not self.latent_channels:
            object.__setattr__(self, "latent_channels", nominal_channels(self.ratio))
        if not self.architecture.has_network:
            object.__setattr__(self, "linear_path", True)

    def _check_latent_channels(self) -> None:
        channels, nominal = self.latent_channels, nominal_channels(self.ratio)
        if not _is_count(channels) or channels > REDUCTION**2:
            raise ModelError(
                f"latent_channels must be a whole number from 1 to {REDUCTION**2}, found "
                f"{channels!r}: try {nominal}"
            )
        if self.rate == "elements" and channels != nominal:
            raise ModelError(
                f"latent_channels must be {REDUCTION**2} / ratio = {nominal} where the ratio "
                f"counts elements, found {channels}: leave it out, or ask for bytes"
            )
        if self.rate == "bytes" and channels < nominal:
            raise ModelError(
                f"{channels} latent channels reach rates up to {max_rate_bpp(channels):g} bit per "
                f"pixel, found a ratio of {self.ratio}, which is {self.target_bpp:g}: take "
                f"{nominal} channels or more, or a larger ratio"
            )

    @property
    def architecture(self) -> Architecture:
        """The entry of ARCHITECTURES."""
        return ARCHITECTURES[self.arch]

    @property
    def target_bpp(self) -> float:
        """Bits per pixel of the code of an 8-bit image at this ratio."""
        return target_bpp(self.ratio)


def max_rate_bpp(latent_channels: int) -> float:
    """Return the highest rate that so many channels are asked for, in bits per pixel.

    Finer steps would reach any rate; but an element of more than 8 bits tells of noise, while
    further channels would tell of the image.

    Example:
        >>> max_rate_bpp(64)
        2.0
    """
    return MAX_ELEMENT_BITS * latent_channels / REDUCTION**2


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
        model = architecture(config.base_channels, config.latent_channels, config.dropout)
        if config.linear_path and model.path is None:
            model.add_path(config.latent_channels)
        if config.rate == "bytes":
            model.add_rate_model(config.latent_channels)
        return model

    return build


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


# fmt: off
ARCHITECTURES: Mapping[str, Architecture] = {a.name: a for a in (
    Architecture("baseline", _load("baseline", "Baseline"), 64, "strided 5x5 convolutions"),
    Architecture("resnet", _load("resnet", "ResNet"), 32, "post-activation residual blocks"),
    Architecture("residual", _load("residual", "Residual"), 32, "pre-activation blocks"),
    Architecture("attention", _load("attention", "Attention"), 48, "residual, CBAM gates"),
    Architecture("linear", _load("linear", "Linear"), 1, "trained linear transform", False),
)}
# fmt: on
