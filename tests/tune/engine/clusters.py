"""A Ray cluster of several raylets on this machine, as others would have started it."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

PLAIN = {"RAY_AUTH_MODE": "disabled", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
"""A cluster that asks for no token; what asks for one has a test of its own."""

NODE_MIB = 3000


class LocalCluster:
    """A head that trains nothing, and nodes that come and go.

    Attributes:
        address: HOST:PORT of the head.

    Args:
        temporary: Folder of its session, with a short path.
    """

    def __init__(self, temporary: Path) -> None:
        with _as_theirs({}):
            from ray.cluster_utils import Cluster

            Path("/tmp/ray").mkdir(exist_ok=True)  # where it notes its address, and expects it
            self._cluster: Any = Cluster(
                initialize_head=True,
                head_node_args={
                    "num_cpus": 0,
                    "temp_dir": str(temporary),
                    "include_dashboard": False,
                },
                shutdown_at_exit=False,
            )
        self.address: str = self._cluster.address

    def add(self, environment: Mapping[str, str], num_cpus: int = 1) -> Any:
        """Let a node join, with variables for its workers; return it."""
        with _as_theirs(environment):
            return self._cluster.add_node(num_cpus=num_cpus, memory=NODE_MIB * 2**20)

    def kill_all(self) -> None:
        """Let every node die but the head."""
        for node in list(self._cluster.worker_nodes):
            self.kill(node)

    def kill(self, node: Any) -> None:
        """Let a node die at once, with its workers."""
        raylet = node.all_processes["raylet"][0].process.pid
        family = [psutil.Process(raylet), *psutil.Process(raylet).children(recursive=True)]
        for process in family:
            with _gone():
                process.kill()
        self._cluster.remove_node(node, allow_graceful=False)

    def stall(self, node: Any) -> list[psutil.Process]:
        """Stop a node's processes as if its network were gone; return them, to go on."""
        raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
        family = [raylet, *raylet.children(recursive=True)]
        for process in family:
            process.send_signal(signal.SIGSTOP)
        return family

    def kill_head(self) -> None:
        """Let the head die at once."""
        for infos in self._cluster.head_node.all_processes.values():
            for info in infos:
                with _gone():
                    psutil.Process(info.process.pid).kill()

    def busy_workers(self) -> list[str]:
        """Return the names of processes on its nodes that run somebody's trial or task."""
        found = []
        for node in self._cluster.worker_nodes:
            with _gone():
                raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
                names = (" ".join(one.cmdline()) for one in raylet.children(recursive=True))
                found += [name for name in names if name.startswith("ray::")]
        return [name for name in found if "IDLE" not in name and "Agent" not in name]

    def stop(self) -> None:
        """End all of it."""
        with _as_theirs({}):
            self._cluster.shutdown()


@contextmanager
def _as_theirs(environment: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(PLAIN | dict(environment))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def local_cluster() -> Iterator[LocalCluster]:
    """Yield a cluster without nodes; nothing is left of it."""
    temporary = Path(tempfile.mkdtemp(prefix="c", dir="/tmp"))
    cluster = LocalCluster(temporary)
    try:
        yield cluster
    finally:
        cluster.stop()
        for process in _of(temporary):
            with _gone():
                process.kill()
        shutil.rmtree(temporary, ignore_errors=True)


def _of(temporary: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with _gone():
            if str(temporary) in " ".join(process.cmdline()):
                yield process


@contextmanager
def _gone() -> Iterator[None]:
    with suppress(psutil.Error):
        yield


def wait_for(what: Any, limit_s: float = 60.0) -> Any:
    """Return the first true answer."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if found := what():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not come true within {limit_s:.0f} s")
