"""Starts Ray's processes: no more than a search needs, and first what its trials wait for.

By itself `ray.init` starts workers only when the dashboard has come up, and with them a reader of
their logs, whom nobody here asks anything. No setting changes that: methods of Ray's own `Node` are
left out while it starts.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from tune.config.watching import LOOPBACK
from tune.errors import UsageError

WORKER_NICENESS = 15
"""Ray's own choice for its workers."""

LEFT_OUT = ("start_monitor", "start_log_monitor", "start_api_server")
"""What `ray.init` would start: a monitor of what is reserved, a reader of logs, the dashboard."""


@dataclass(frozen=True)
class Started:
    """A Ray that has come up.

    Attributes:
        dashboard: Address of its dashboard; None without one.
        failure: Why a dashboard that was asked for did not come up, in a sentence; None otherwise.
    """

    dashboard: str | None
    failure: str | None = None


def start_ray(dashboard_host: str | None, **settings: Any) -> Started:
    """Start Ray; a search goes on without its dashboard where that does not come up.

    Args:
        dashboard_host: Address that the dashboard listens on; None starts none.
        **settings: More of `ray.init`.

    Raises:
        UsageError: If Ray does not start.
    """
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's deprecations of its own parts
        try:
            with left_out():
                ray.init(dashboard_host=dashboard_host or LOOPBACK, **settings)
        except Exception as error:  # of any of its processes: nothing has been trained yet
            raise UsageError(
                f"trials need Ray, which did not start ({reason(error)}): "
                "free memory, or set TMPDIR to another folder, and repeat the command"
            ) from error
        started = Started(None) if dashboard_host is None else start_dashboard()
    lower_helpers()
    return started


def start_dashboard() -> Started:
    """Start the dashboard of the Ray that runs."""
    import ray

    node: Any = ray._private.worker._global_node
    try:
        node.start_api_server(include_dashboard=True, raise_on_failure=True)
        node.start_monitor()  # tells the dashboard's first page what is reserved
    except Exception as error:  # trials do not need it
        return Started(None, f"Ray's dashboard did not start ({reason(error)}): there is none")
    return Started(node.webui_url or None)


def reason(error: Exception) -> str:
    r"""Return what an exception says, in one line.

    >>> reason(OSError("AF_UNIX path too long\nat bind"))
    'OSError: AF_UNIX path too long'
    """
    line, name = first_line(error), type(error).__name__
    return f"{name}: {line}" if line else name


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says: Ray's go on with tracebacks."""
    return str(error).strip().partition("\n")[0]


def end_ray() -> None:
    """End Ray with all its processes."""
    import ray

    node: Any = ray._private.worker._global_node
    for info in () if node is None else node.all_processes.get("monitor", ()):
        info.process.kill()  # it would take a second to end, and has nothing to save
    ray.shutdown()


@contextmanager
def left_out() -> Iterator[None]:
    """Let Ray's node start nothing of `LEFT_OUT` for a while."""
    from ray._private.node import Node

    whole = {name: getattr(Node, name) for name in LEFT_OUT}
    for name in LEFT_OUT:
        setattr(Node, name, lambda _self, **_settings: None)
    try:
        yield
    finally:
        for name, method in whole.items():
            setattr(Node, name, method)


def lower_helpers() -> None:
    """Give Ray's helpers (dashboard, monitor, agents) the priority of its workers.

    They wake thousands of times a minute; at a higher priority each time interrupts a training and
    empties its caches. The two that Ray cannot do without, raylet and gcs_server, stay as they are.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            is_vital = process.name() in {"raylet", "gcs_server"}
            if not is_vital and process.nice() < WORKER_NICENESS:
                process.nice(WORKER_NICENESS)
