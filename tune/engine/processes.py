"""Starts Ray's processes: no more than a search needs, and first what its trials wait for.

By itself `ray.init` starts workers only when the dashboard has come up, and with them a reader of
their logs, whom nobody here asks anything. No setting changes that: methods of Ray's own `Node` are
left out while it starts.
"""

import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tune.errors import UsageError

WORKER_NICENESS = 15
"""Ray's own choice for its workers."""

DASHBOARD_NICENESS = 19
"""It imports for seconds, while the first trials train."""

NUM_DASHBOARD_PROCESSES = 2
"""The dashboard, and the monitor that it asks what is reserved."""

FORK_S = 0.02
"""How often it is looked whether the dashboard's process is there."""

LEFT_OUT = ("start_monitor", "start_log_monitor", "start_api_server")
"""What `ray.init` would start: a monitor of what is reserved, a reader of logs, the dashboard."""


def start_ray(dashboard_host: str, **settings: Any) -> None:
    """Start Ray without its dashboard.

    Args:
        dashboard_host: Address that the dashboard will listen on, if it is started.
        **settings: More of `ray.init`.

    Raises:
        UsageError: If Ray does not start.
    """
    import ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray's deprecations of its own parts
        try:
            with left_out():
                ray.init(dashboard_host=dashboard_host, **settings)
        except Exception as error:  # of any of its processes: nothing has been trained yet
            raise UsageError(
                f"trials need Ray, which did not start ({reason(error)}): "
                "free memory, or set TMPDIR to another folder, and repeat the command"
            ) from error
    lower_helpers()


@contextmanager
def dashboard_beside(
    show_address: Callable[[str], None], say: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Start the dashboard of the Ray that runs; trials wait neither for it nor because of it.

    Its processes are stopped as soon as they are there, and come up when what is yielded is called:
    they would take a third of the processor from the workers that import what the first trials
    need. What is shown comes from another thread, seconds after that.

    Args:
        show_address: Shows where it listens.
        say: Shows why it did not come up.
    """
    has_begun, is_over = threading.Event(), threading.Event()

    def start() -> None:
        try:
            address = start_dashboard()
        except Exception as error:  # trials do not need it
            if not is_over.is_set():
                say(f"Ray's dashboard did not start ({reason(error)}): there is none")
        else:
            if not is_over.is_set():
                show_address(address)
        has_begun.set()
        is_over.wait()  # Linux ends a child of Ray's with the thread that started it

    before, new = helpers(), set[psutil.Process]()
    thread = threading.Thread(target=start, name="dashboard")
    thread.start()
    # They inherit the environment of this moment, and a fork has to be over before another thread
    # computes: it waits for ever for a matrix product.
    while not has_begun.is_set() and len(new) < NUM_DASHBOARD_PROCESSES:
        time.sleep(FORK_S)
        new = helpers() - before
    for process in new:
        with suppress(psutil.NoSuchProcess):
            process.nice(DASHBOARD_NICENESS)
            process.suspend()

    def let_it_come_up() -> None:
        for process in new:
            with suppress(psutil.NoSuchProcess):
                process.resume()

    try:
        yield let_it_come_up
    finally:
        is_over.set()
        if not has_begun.is_set():
            for process in new:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        thread.join()


def start_dashboard() -> str:
    """Start the dashboard of the Ray that runs and return its address when it has come up."""
    import ray

    node: Any = ray._private.worker._global_node
    node.start_monitor()  # tells the dashboard's first page what is reserved
    node.start_api_server(include_dashboard=True, raise_on_failure=True)
    lower_helpers()
    return str(node.webui_url)


def helpers() -> set[psutil.Process]:
    """Return our children that run a script of Ray's package."""
    import ray

    package, found = f"{Path(ray.__file__).parent}{os.sep}", set()
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if any(part.startswith(package) for part in process.cmdline()):
                found.add(process)
    return found


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
    """Give Ray's helpers (monitor, agents) the priority of its workers.

    They wake thousands of times a minute; at a higher priority each time interrupts a training and
    empties its caches. The two that Ray cannot do without, raylet and gcs_server, stay as they are.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            is_vital = process.name() in {"raylet", "gcs_server"}
            if not is_vital and process.nice() < WORKER_NICENESS:
                process.nice(WORKER_NICENESS)
