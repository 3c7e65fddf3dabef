"""A latent coder as plain arrays, to be stored with the model, and back.

Version 1 had one step for all channels, one table for each and no contexts; its arrays carry no
version. It is read and written on, so that bytes of its coders still decode. Version 2:

    version, rate_weight      one number each
    steps, centres, shifts    see restoration.Restoration
    starts, weights, thresholds   see contexts.Contexts
    num_classes               (C,), tables of each channel
    lows, sizes, frequencies  of all tables, channel by channel, class by class
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.coding.contexts import Contexts
from models.coding.restoration import Restoration
from models.coding.symbol_model import SymbolModel
from models.errors import ModelError

STATIC_VERSION = 1
CODER_VERSION = 2


@dataclass(frozen=True, eq=False)
class CoderParts:
    """All that a latent coder knows.

    Attributes:
        restoration: Steps, and how symbols become values.
        contexts: Of the channels.
        tables: Of the channels, one for each class.
        rate_weight: What a bit is worth when rounding, in squared steps.
        version: Of the arrays, and of the bytes.
    """

    restoration: Restoration
    contexts: Contexts
    tables: tuple[tuple[SymbolModel, ...], ...]
    rate_weight: float
    version: int = CODER_VERSION


def to_arrays(parts: CoderParts) -> dict[str, NDArray[Any]]:
    """Return the arrays of a coder, in the form of its version."""
    models = [model for of_classes in parts.tables for model in of_classes]
    of_tables = {
        "lows": np.array([model.low for model in models], np.int64),
        "sizes": np.array([len(model.frequencies) for model in models], np.int64),
        "frequencies": np.concatenate([model.frequencies for model in models]),
    }
    if parts.version == STATIC_VERSION:
        return {"step": np.array(parts.restoration.steps[0]), **of_tables}
    return {
        "version": np.array(parts.version),
        "rate_weight": np.array(parts.rate_weight),
        "steps": parts.restoration.steps,
        "centres": parts.restoration.centres,
        "shifts": parts.restoration.shifts,
        "starts": parts.contexts.starts,
        "weights": parts.contexts.weights,
        "thresholds": parts.contexts.thresholds,
        "num_classes": np.array([len(of_classes) for of_classes in parts.tables], np.int64),
        **of_tables,
    }


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> CoderParts:
    """Return what to_arrays described.

    Raises:
        ModelError: When the arrays are of a version that this code does not know.
    """
    version = int(arrays["version"]) if "version" in arrays else STATIC_VERSION
    if version not in (STATIC_VERSION, CODER_VERSION):
        raise ModelError(
            f"entropy coders of versions {STATIC_VERSION} and {CODER_VERSION} can be read, found "
            f"version {version}: read it with the code that wrote it, or evaluate the run again"
        )
    models = _models(arrays)
    if version == STATIC_VERSION:
        restoration = Restoration.plain(np.full(len(models), float(arrays["step"])))
        tables = tuple((model,) for model in models)
        contexts = Contexts.static(len(models))
        return CoderParts(restoration, contexts, tables, 0.0, STATIC_VERSION)
    in_order = iter(models)
    return CoderParts(
        Restoration(arrays["steps"], arrays["centres"], arrays["shifts"]),
        Contexts(arrays["starts"], arrays["weights"], arrays["thresholds"]),
        tuple(tuple(islice(in_order, int(count))) for count in arrays["num_classes"]),
        float(arrays["rate_weight"]),
    )


def _models(arrays: Mapping[str, NDArray[Any]]) -> list[SymbolModel]:
    tables = np.split(arrays["frequencies"].astype(np.uint32), np.cumsum(arrays["sizes"])[:-1])
    return [SymbolModel(int(low), t) for low, t in zip(arrays["lows"], tables, strict=True)]
