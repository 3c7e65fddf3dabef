"""What a study was made with: code, libraries, machine, command and data, for `manifest.json`.

`collect_manifest` looks at the machine and returns a value; writing it is `tune.storage.folder`'s.
The only paths in it are those that the user typed.
"""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from data.stamp import CorpusStamp
from tune.config.machine import Device, Machine
from tune.config.profiles import Pick
from tune.storage.kind import Kind

PACKAGES = ("torch", "ray", "optuna", "numpy", "pandas", "pyarrow", "rasterio", "torchmetrics")
"""The libraries whose version can change a number in a table."""


@dataclass(frozen=True)
class Manifest:
    """What a study was made with.

    Attributes:
        kind: What the study does.
        created_at: When, in UTC, ISO 8601.
        command: The command line as typed.
        commit: Commit of the project; None outside a checkout.
        has_uncommitted_changes: Whether tracked files differed from it; None outside a checkout.
        versions: Of Python and the libraries that numbers depend on.
        platform: Operating system and processor family.
        device: "cpu" or "cuda".
        device_name: What the device calls itself.
        num_cores: CPU cores that the search might use.
        data: Which corpus was read.
        picked: What the profile chose, with the reason, by setting.
    """

    kind: Kind
    created_at: str
    command: tuple[str, ...]
    commit: str | None
    has_uncommitted_changes: bool | None
    versions: Mapping[str, str]
    platform: str
    device: Device
    device_name: str
    num_cores: int
    data: CorpusStamp
    picked: Mapping[str, Pick]

    def to_json(self) -> str:
        """Return the text of `manifest.json`."""
        return json.dumps(asdict(self), indent=2) + "\n"


def collect_manifest(
    kind: Kind,
    command: Sequence[str],
    machine: Machine,
    corpus: CorpusStamp,
    picked: Mapping[str, Pick],
) -> Manifest:
    """Return the manifest of a study that begins now.

    Args:
        kind: What the study does.
        command: The command line as typed, such as ["python", "-m", "tune.search", "--ratio", "4"].
        machine: Where trials train.
        corpus: Which corpus they read.
        picked: What the profile chose.
    """
    commit = project_commit()
    return Manifest(
        kind=kind,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=tuple(command),
        commit=commit,
        has_uncommitted_changes=None if commit is None else _has_uncommitted_changes(),
        versions=library_versions(),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        device=machine.device,
        device_name=device_name(machine.device),
        num_cores=machine.num_cores,
        data=corpus,
        picked=picked,
    )


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that numbers depend on."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **versions}


def project_commit() -> str | None:
    """Return the commit of the checkout that runs, or None where there is none.

    An installed copy may lie inside another project's checkout, so this file itself must be
    tracked there.
    """
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return None
    return _git("rev-parse", "HEAD")


def device_name(device: Device) -> str:
    """Return what the device calls itself, such as "NVIDIA GeForce RTX 3070"."""
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            return "cards of a cluster, see the table trials"
        return str(torch.cuda.get_device_name())
    return _cpu_name()


def _cpu_name() -> str:
    """Return the processor's model; Python knows only its family on Linux."""
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.is_file():
        for line in cpu_info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _has_uncommitted_changes() -> bool:
    return bool(_git("status", "--porcelain", "--untracked-files=no"))


def _git(*arguments: str) -> str | None:
    """Return what git prints about the folder of this file; None without git or a checkout."""
    # Whatever repository the caller's environment points at, it is not the one asked about.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
