"""Every value that can be searched, with its built-in range."""

from collections.abc import Mapping
from typing import Any

from models.training.schedules import SCHEDULES
from tune.errors import UsageError, did_you_mean
from tune.space.dimension import Dimension, Value

DIMENSIONS: Mapping[str, Dimension] = {
    dimension.name: dimension
    for dimension in (
        Dimension(
            "learning_rate",
            "float",
            1e-4,
            1e-2,
            log=True,
            doc=(
                "highest learning rate. From the block KLT 1e-3 is good everywhere, and 8.6e-3 was "
                "best for the linear codec and the baseline in searches of 1,400 steps; 1.7e-2 "
                "ends below the start. The range begins at the predecessor's 1e-4"
            ),
        ),
        Dimension(
            "warmup_epochs",
            "int",
            0,
            5,
            unit="epochs",
            doc="epochs of linear rise to the learning rate; 0 for none",
        ),
        Dimension(
            "base_channels",
            "categorical",
            choices=(16, 32, 48, 64),
            unit="channels",
            doc="width of the network: parameters and time grow with its square",
        ),
        Dimension(
            "latent_channels",
            "categorical",
            choices=(16, 24, 32, 48, 64, 96, 128, 160, 192, 256),
            unit="channels",
            doc=(
                "most channels that a code for bytes may use: training silences those that do not "
                "pay. Searched over those that suit the ratio"
            ),
        ),
        Dimension(
            "weight_decay",
            "float",
            1e-6,
            1e-2,
            log=True,
            doc="AdamW's decay of weights; norms and biases have none",
        ),
        Dimension(
            "schedule",
            "categorical",
            choices=SCHEDULES,
            unit="",
            doc="learning rate after the warmup",
        ),
        Dimension(
            "gradient_clip",
            "float",
            0.1,
            5.0,
            log=True,
            doc="largest norm of the gradient; longer ones are shortened to it",
        ),
        Dimension(
            "mse_weight",
            "float",
            0.1,
            1.0,
            doc=(
                "weight of MSE in the loss; that of 1 - SSIM is 1 - mse_weight. Trials are still "
                "compared by PSNR, which favours MSE"
            ),
        ),
        Dimension("dropout", "float", 0.0, 0.3, doc="share of channels dropped while training"),
        Dimension(
            "batch_size",
            "categorical",
            choices=(8, 16, 32),
            unit="images",
            doc="images per optimiser step",
        ),
    )
}
"""Every dimension that `--tune` can name, with its built-in range.

A name here is also a setting of a search, a field of the model's or the training's configuration,
and a column of the tables `trials` and `runs`: these declare it, and everything else goes by it.
"""

DEFAULT_TUNE = ("learning_rate", "warmup_epochs", "base_channels")
"""What is searched where nobody says; for bytes the latent channels too."""

OF_NETWORKS = ("base_channels", "dropout")
"""Dimensions that mean nothing without a network."""

LATENT_CHOICES: Mapping[int, tuple[int, ...]] = {
    4: (160, 192, 256),
    8: (96, 128, 160, 192),
    16: (48, 64, 96, 128),
    32: (32, 48, 64, 96),
    64: (16, 24, 32, 48),
}
"""Latent channels that are searched at a ratio of bytes. Fewer cap what a code can tell; more cost
bits until training has silenced them, which a short one does not."""


def read_values(row: Mapping[Any, Any]) -> dict[str, Value]:
    """Return the value of every dimension in a row or mapping that has them all, among others.

    Raises:
        KeyError: If one of them is missing.
    """
    return {name: dimension.typed(row[name]) for name, dimension in DIMENSIONS.items()}


def find_dimension(name: str) -> Dimension:
    """Return the built-in dimension of a name.

    Raises:
        UsageError: If there is none; the message names the nearest one.
    """
    if name not in DIMENSIONS:
        raise UsageError(
            f"--tune and --range take the names {', '.join(DIMENSIONS)}, found "
            f"{name!r}{did_you_mean(name, DIMENSIONS)}"
        )
    return DIMENSIONS[name]
