"""Of what kind a study is: written into its manifest when its folder is made."""

import json
import re
from enum import StrEnum
from typing import Any

from tune.errors import UsageError
from tune.storage.folder import StudyFolder


class Kind(StrEnum):
    """What a study does."""

    SEARCH = "search"
    PROMOTION = "promotion"
    TRAINING = "training"


_BY_COMMAND = {
    "tune.search": Kind.SEARCH,
    "tune.promote": Kind.PROMOTION,
    "tune.train": Kind.TRAINING,
}


def read_kind(folder: StudyFolder) -> Kind:
    """Return of what kind a study is.

    A manifest from before kinds were written says it by its command. Where it cannot be read, a
    configuration with the setting `top` is a promotion's, and any other a search's.

    Raises:
        UsageError: If the kind that is written is unknown here.
    """
    noted = _read_manifest(folder)
    if "kind" in noted:
        try:
            return Kind(noted["kind"])
        except ValueError:
            raise UsageError(
                f"a study is a {', a '.join(Kind)}, found {noted['kind']!r} in "
                f"{str(folder.manifest_file)!r}: use the release that wrote it"
            ) from None
    command = noted.get("command")
    module = command[2] if isinstance(command, list) and len(command) > 2 else None  # python -m it
    if isinstance(module, str) and module in _BY_COMMAND:
        return _BY_COMMAND[module]
    return Kind.PROMOTION if _has_setting(folder, "top") else Kind.SEARCH


def _read_manifest(folder: StudyFolder) -> dict[str, Any]:
    """Return what a manifest says; nothing where it is missing or torn."""
    try:
        noted = json.loads(folder.manifest_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _has_setting(folder: StudyFolder, name: str) -> bool:
    try:
        text = folder.config_file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return re.search(rf"^{name} = ", text, re.MULTILINE) is not None
