"""Hidden folders that go with the process that made them, or are renamed when they are complete."""

import glob
import os
import platform
import shutil
import tempfile
from pathlib import Path

OF_TRIAL = "sar_tune_trial"
"""Kind of the folders in which workers keep a trial where nodes share no path."""


def make_passing_folder(place: Path, kind: str) -> Path:
    """Make a hidden folder that this process removes or renames; remove those of killed ones.

    Args:
        place: Where; other machines may have such folders there too.
        kind: How its name begins, after the dot.

    Raises:
        OSError: If it cannot be made.
    """
    import psutil  # for who makes folders, not for who only lists studies

    prefix = f".{kind}_{platform.node()}_{_pid_namespace()}_"
    for path in place.glob(f"{glob.escape(prefix)}*"):
        pid = path.name.removeprefix(prefix).split("_")[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(path, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}_", dir=place))


def _pid_namespace() -> int:
    """Return within which process ids are unique: containers of a machine may share its name."""
    return Path("/proc/self/ns/pid").stat().st_ino
