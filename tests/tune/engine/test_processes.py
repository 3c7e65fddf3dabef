"""What is changed of Ray's start, without starting it."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import SimpleNamespace

import psutil
import pytest
import ray

from tune.engine.processes import (
    LEFT_OUT,
    WORKER_NICENESS,
    dashboard_beside,
    left_out,
    lower_helpers,
    start_ray,
)
from tune.errors import UsageError

OF_RAY = (sys.executable, "-c", "import time; time.sleep(60)", ray.__file__)
"""A process that names a script of Ray's package."""


def fail(*_, **__):
    raise ValueError("Failed to start GCS\nand forty more lines")


def test_a_ray_that_does_not_start_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr("ray.init", fail)
    with pytest.raises(UsageError, match=r"not start \(ValueError: Failed to start GCS\): free"):
        start_ray("127.0.0.1")


@pytest.fixture
def monitor():
    """Return the monitors that were started; they have ended after the test."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for child in started:
        child.kill()
        child.wait()


@pytest.fixture
def node(monkeypatch, monitor):
    """Replace a Ray that runs; its dashboard comes up."""
    node = SimpleNamespace(
        start_api_server=lambda **_: None,
        start_monitor=lambda: monitor.append(subprocess.Popen(OF_RAY)),
        webui_url="127.0.0.1:8265",
    )
    monkeypatch.setattr("ray._private.worker._global_node", node)
    return node


@pytest.fixture
def told(node):
    """Run a search with a dashboard that takes so long; return its address, or why it has none."""

    def run(search: Callable[[], object]) -> list[str]:
        told: list[str] = []
        with dashboard_beside(told.append, told.append):
            search()
        return told

    return run


@pytest.fixture
def start_child(node):
    """Let the dashboard be a process that is waited for; return it when it has started."""
    children: list[subprocess.Popen[bytes]] = []

    def start(**_: object) -> None:
        with subprocess.Popen(OF_RAY) as child:
            children.append(child)
            child.wait()
        raise RuntimeError("the dashboard was killed")

    node.start_api_server = start
    return children


def test_the_address_of_a_dashboard_is_shown_when_it_has_come_up(node, told):
    with ExitStack() as running:

        def start(**_: object) -> None:
            child = running.enter_context(subprocess.Popen(OF_RAY))
            running.callback(child.kill)
            assert is_up.wait(30)

        def search() -> None:
            is_up.set()
            time.sleep(0.3)

        is_up = threading.Event()
        node.start_api_server = start
        assert told(search) == ["127.0.0.1:8265"]


def test_trials_go_on_without_a_dashboard_that_does_not_start(node, told):
    node.start_api_server = fail
    (sentence,) = told(lambda: time.sleep(0.3))
    assert "did not start (ValueError: Failed to start GCS)" in sentence


def test_a_search_that_ends_before_its_dashboard_is_up_ends_that_and_says_nothing(
    start_child, told
):
    assert told(lambda: None) == []
    assert start_child[0].returncode == -signal.SIGKILL


def test_a_search_begins_when_the_process_of_its_dashboard_has_been_made(start_child, told):
    assert told(lambda: start_child[0].pid) == []


def test_a_dashboard_and_its_monitor_are_stopped_until_a_trial_has_begun(start_child, monitor):
    def come_to(is_stopped: bool) -> bool:
        """Wait until both are stopped, or neither: a signal needs a moment."""
        for _ in range(500):
            found = {psutil.Process(child.pid).status() for child in (*start_child, *monitor)}
            if {one == psutil.STATUS_STOPPED for one in found} == {is_stopped}:
                return True
            time.sleep(0.02)
        return False

    with dashboard_beside(print, print) as let_it_come_up:
        assert len(start_child) == len(monitor) == 1
        assert come_to(is_stopped=True)
        let_it_come_up()
        assert come_to(is_stopped=False)


def test_what_ray_would_start_is_left_out_for_a_while_only():
    from ray._private.node import Node

    whole = [getattr(Node, name) for name in LEFT_OUT]
    with left_out():
        assert [getattr(Node, name)(None, raise_on_failure=True) for name in LEFT_OUT] == [None] * 3
    assert [getattr(Node, name) for name in LEFT_OUT] == whole


def test_helpers_get_the_priority_of_workers_and_keep_a_lower_one():
    with subprocess.Popen(["sleep", "60"]) as usual, subprocess.Popen(["sleep", "60"]) as low:
        psutil.Process(low.pid).nice(19)
        lower_helpers()
        found = [psutil.Process(child.pid).nice() for child in (usual, low)]
        usual.kill()
        low.kill()
    assert found == [WORKER_NICENESS, 19]
