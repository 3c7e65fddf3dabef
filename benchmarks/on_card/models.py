"""The models that stages train: as trials of a search for bytes are."""

from models.registry import ModelConfig
from tune.config.kinds import usual_latent_channels

RATIO = 16
NETWORKS = ("baseline", "resnet", "residual", "attention")


def trial_model(arch: str, base_channels: int, rate: str = "bytes") -> ModelConfig:
    """Return the model of a trial at 16x, with linear path, as a search hand-sets it."""
    return ModelConfig(
        arch,
        RATIO,
        base_channels,
        latent_channels=usual_latent_channels(rate, RATIO),
        linear_path=True,
        rate=rate,
    )
