"""What was measured of a machine once, kept in a JSON file for those who come later."""

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kept(file: Path, key: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a file holds under a key; measure it the first time.

    The file is replaced as a whole. Of two that measure at the same time, one is kept.

    Args:
        file: It need not exist, nor its folder.
        key: Names what is measured, and all that it depends on.
        measure: Gives plain values, by name.
    """
    if key in (known := _read(file)):
        return known[key]
    measured = measure()
    known = {**_read(file), key: measured}
    file.parent.mkdir(parents=True, exist_ok=True)
    waiting = file.with_name(f".{file.name}.{secrets.token_hex(8)}.tmp")  # of this process alone
    waiting.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    waiting.replace(file)
    return measured


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """Return what a file holds: nothing where there is none, or a damaged one."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
