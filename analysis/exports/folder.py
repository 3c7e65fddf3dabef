"""The folder that exports go into: a new one, an empty one, or one of an earlier export."""

import json
from pathlib import Path

from tune.errors import UsageError
from tune.tables.schemas import SCHEMA_VERSION

MARKER = "export.json"
"""Says that the folder is ours: files in it may be replaced."""


def check_folder(out: Path) -> None:
    """Check that exports may go into a folder.

    Raises:
        UsageError: If it is a file, or a folder with files that no export wrote.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out must be a folder, found the file {str(out)!r}: name another one")
    if out.is_dir() and not (out / MARKER).is_file() and any(out.iterdir()):
        raise UsageError(
            "--out must be a new folder or that of an earlier export, found other files in "
            f"{str(out)!r}: name another one"
        )


def claim_folder(out: Path) -> None:
    """Make the folder and mark it as ours, before anything else is in it."""
    out.mkdir(parents=True, exist_ok=True)
    marker = {"made_by": "python -m analysis.export", "schema_version": SCHEMA_VERSION}
    (out / MARKER).write_text(json.dumps(marker, indent=2) + "\n", encoding="utf-8")
