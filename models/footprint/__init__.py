"""How much memory a training takes: predicted without running it, calibrated on a card.

Knows how a training step holds tensors, nothing of a search. Start with `predict.py`; the names
below are public.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.footprint.predict import MIB, Footprint, predict_footprint

_HOMES = {
    "Footprint": "predict",
    "MIB": "predict",
    "predict_footprint": "predict",
}
__all__ = ["MIB", "Footprint", "predict_footprint"]


def __getattr__(name: str) -> object:
    """Return a public name from its module, which is loaded when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
