"""Attaches a command to a Ray cluster that others started, and lets go of it.

Nothing is started there but the driver's own actors, which end with it. Whatever keeps a driver
out is one sentence, and is found out before anything is written.
"""

import logging
import os
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from tune.config.cluster import SHELL, Cluster
from tune.engine.code import copy_packages
from tune.engine.environment import OWN, for_workers
from tune.engine.head import HeadWatch
from tune.engine.processes import reason
from tune.engine.session import PROJECT, environment
from tune.engine.temporary import sweep_temporary, temporary_folder
from tune.errors import UsageError

NAMESPACE = "sar-tune"
"""Of our named actors."""

ANSWER_S = 5.0
"""Time that a cluster's head has to take a connection."""


@dataclass(frozen=True)
class Attached:
    """A cluster that this process is attached to.

    Attributes:
        dashboard: Address of its dashboard; None if that is not told.
        head: Watches whether its head is there.
    """

    dashboard: str | None
    head: HeadWatch


@contextmanager
def attached(cluster: Cluster, say: Callable[[str], None]) -> Iterator["Attached"]:
    """Attach this process to a cluster for a time.

    Args:
        cluster: Which one.
        say: Shows a sentence.

    Raises:
        UsageError: If nobody answers, or the cluster refuses this driver.
    """
    if cluster.is_from_shell:
        say(f"{SHELL}={cluster.address} is followed: trials run on that cluster")
    check_answer(cluster)
    os.environ.update(OWN)
    import ray

    usual = Path(tempfile.gettempdir())
    sweep_temporary(usual)
    ray._private.worker._worker_logs_enabled = False  # no setting hides the raylets' obituaries
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with temporary_folder(usual) as temporary:
        code = temporary / "code"
        code.mkdir()
        copy_packages(PROJECT, code)
        with environment({**os.environ} | _short_waits()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Ray's deprecations of its own parts
            try:
                context = ray.init(
                    address=cluster.address,
                    namespace=NAMESPACE,
                    runtime_env={"working_dir": str(code), "env_vars": for_workers()},
                    log_to_driver=False,
                    logging_level=logging.CRITICAL,
                )
            except Exception as error:  # whatever Ray says: nothing has been trained yet
                ray.shutdown()
                raise UsageError(refusal(cluster, error)) from error
        try:
            if cluster.is_client:
                _give_tune_a_folder(temporary)
            head = cluster.host_and_port or _split(ray.get_runtime_context().gcs_address)
            with HeadWatch(head) as watch:
                yield Attached(getattr(context, "dashboard_url", None) or None, watch)
        finally:
            ray.shutdown()


def check_answer(cluster: Cluster) -> None:
    """Refuse an address where nobody listens, for which Ray itself would wait a minute.

    Raises:
        UsageError: If nobody takes a connection within seconds.
    """
    if cluster.host_and_port is None:
        return
    try:
        with socket.create_connection(cluster.host_and_port, timeout=ANSWER_S):
            pass
        check_language(cluster.host_and_port)
    except (OSError, grpc.FutureTimeoutError) as error:
        words = getattr(error, "strerror", None) or str(error) or "another service listens there"
        raise UsageError(
            f"a cluster must answer at its address, found no Ray at {cluster.address} "
            f"({words}): check it with `ray status` on the cluster's head, and "
            "that this port is open between here and there"
        ) from error


def check_language(host_and_port: tuple[str, int]) -> None:
    """Make sure that who listens speaks gRPC, as every port of Ray's that has an address does.

    Raises:
        grpc.FutureTimeoutError: If not.
    """
    if os.environ.get("RAY_USE_TLS", "0") not in {"", "0"}:
        return
    host, port = host_and_port
    with grpc.insecure_channel(f"{f'[{host}]' if ':' in host else host}:{port}") as channel:
        grpc.channel_ready_future(channel).result(timeout=ANSWER_S)


def refusal(cluster: Cluster, error: Exception) -> str:
    """Return the sentence about a cluster that did not take this driver."""
    text = str(error)
    lowered = text.lower()
    if "version mismatch" in lowered or "python version" in lowered or "versions" in lowered:
        versions = " ".join(text.split())
        return (
            "driver and cluster must have the same versions of Ray and Python, found others at "
            f"{cluster.address} ({versions}): install the cluster's versions here, or ours there"
        )
    if "token" in lowered or "unauthenticated" in lowered:
        return (
            f"a cluster is reached with its token, found that {cluster.address} refuses ours: "
            "name the file that holds the cluster's with RAY_AUTH_TOKEN_PATH, and set "
            "RAY_AUTH_MODE=token"
        )
    return (
        f"trials need a Ray cluster at {cluster.address}, which did not take this driver "
        f"({reason(error)}): check it with `ray status` there, or leave --address out to use this "
        "machine alone"
    )


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _short_waits() -> dict[str, str]:
    """Return settings by which Ray gives up on what is no cluster within seconds."""
    return {
        "RAY_gcs_rpc_server_connect_timeout_s": "5",
        # Later than `HeadWatch` notices it: Ray ends the process where it stands.
        "RAY_gcs_rpc_server_reconnect_timeout_s": "120",
        "RAY_gcs_server_request_timeout_seconds": "8",
        "RAY_NUM_REDIS_GET_RETRIES": "2",
    }


def _give_tune_a_folder(folder: Path) -> None:
    """Let Ray Tune's driver keep its files here: it looks for the folder of a local raylet."""
    from ray.train._internal import storage

    own: Any = storage
    own._get_ray_train_session_dir = lambda: str(folder)
