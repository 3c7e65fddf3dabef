"""What is printed for machines: JSON as the standard has it, which knows no NaN and no time."""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON: what is not finite becomes null, a time ISO 8601.

    >>> json_text({"eta_s": float("nan"), "words": ("a", 1)})
    '{"eta_s": null, "words": ["a", 1]}'
    """
    return json.dumps(_plain(value), indent=indent, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    return value
