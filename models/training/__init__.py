"""One training: losses, schedules, the loop of epochs, checkpoints, precision.

Knows networks by their registry and patches as batches, nothing of a search. Start with
`loop.py`; the names below are public.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.training.config import TrainConfig
    from models.training.epoch_result import EpochResult, NonFiniteError
    from models.training.loop import train_epochs
    from models.training.session import TrainingSession

_HOMES = {
    "EpochResult": "epoch_result",
    "NonFiniteError": "epoch_result",
    "TrainConfig": "config",
    "TrainingSession": "session",
    "train_epochs": "loop",
}
__all__ = ["EpochResult", "NonFiniteError", "TrainConfig", "TrainingSession", "train_epochs"]


def __getattr__(name: str) -> object:
    """Return a public name from its module, which is loaded when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
