"""Machines of their own on this one: nodes in namespaces that do not see the driver's folders."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.tune.engine.clusters import NODE_MIB, PLAIN, wait_for

UNSHARE = ["unshare", "--mount", "--uts"]

NO_MACHINES = "namespaces cannot be made here: no root, or a container that keeps them"


def can_unshare() -> bool:
    """Return whether this process may make machines."""
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True)
class Machine:
    """A node with a host name and a scratch folder of its own.

    Attributes:
        name: Its host name.
        scratch: What lies in its scratch folder, as this process sees it.
        process: Its `ray start`.
    """

    name: str
    scratch: Path
    process: "subprocess.Popen[bytes]"

    def leave(self) -> None:
        """Let it take leave of the cluster: the head need not notice that it is gone."""
        self.process.terminate()
        self.process.wait(timeout=60)

    def kill(self) -> None:
        """Let it die at once, with its workers."""
        for one in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
            try:
                one.kill()
            except psutil.Error:
                continue
        self.process.wait()


class Lab:
    """Machines that do not see a folder, and have another one each for themselves.

    Attributes:
        scratch: Where each has a folder of its own.

    Args:
        folder: Of what machines write.
        address: The head's.
        hidden: What no machine sees.
    """

    def __init__(self, folder: Path, address: str, hidden: Path) -> None:
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        self._folder, self._address, self._hidden = folder, address, hidden
        self._machines: list[Machine] = []

    def add(self, name: str, environment: Mapping[str, str]) -> Machine:
        """Let a machine join, with a core, and variables for its workers; return it."""
        own = self._folder / name
        own.mkdir()
        ray = Path(sys.executable).parent / "ray"
        words = [
            f"hostname {name}",
            "mount --make-rprivate /",
            f"mount -t tmpfs none {self._hidden}",
            f"mount --bind {own} {self.scratch}",
            f"exec {ray} start --address {self._address} --num-cpus 1 --num-gpus 0 "
            f"--memory {NODE_MIB * 2**20} --object-store-memory {150 * 2**20} "
            "--min-worker-port 0 --max-worker-port 0 --disable-usage-stats --block",
        ]
        with (self._folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*UNSHARE, "sh", "-ec", "\n".join(words)],
                env={**os.environ, **PLAIN, **environment},
                stdout=log,
                stderr=log,
            )
        machine = Machine(name, own, process)
        self._machines.append(machine)
        wait_for(lambda: b"Ray runtime started" in (self._folder / f"{name}.log").read_bytes())
        return machine

    def stop(self) -> None:
        """End all of them."""
        for machine in self._machines:
            if machine.process.poll() is None:
                machine.leave()


@contextmanager
def lab(folder: Path, address: str, hidden: Path) -> Iterator[Lab]:
    """Yield a lab without machines."""
    machines = Lab(folder, address, hidden)
    try:
        yield machines
    finally:
        machines.stop()
