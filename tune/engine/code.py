"""How the code of this project reaches the nodes of a cluster: by Ray, as its working folder.

Every node then runs what the driver runs, whatever is or is not installed there. What stands beside
the packages (a corpus, results, a virtual environment) is not sent.
"""

import shutil
from pathlib import Path

PACKAGES = ("tune", "models", "data")
"""What a worker imports."""


def copy_packages(project: Path, folder: Path) -> int:
    """Copy the packages that a worker needs; return their bytes.

    Args:
        project: Folder that has them: a checkout, or where a wheel was installed.
        folder: Where they go; it must exist.
    """
    for name in PACKAGES:
        shutil.copytree(
            project / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc")
        )
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
