"""What is changed of Ray's start, without starting it."""

import subprocess
from types import SimpleNamespace

import psutil
import pytest

from tune.engine.processes import (
    LEFT_OUT,
    WORKER_NICENESS,
    Started,
    left_out,
    lower_helpers,
    start_ray,
)
from tune.errors import UsageError


def fail(*_, **__):
    raise ValueError("Failed to start GCS\nand forty more lines")


def test_a_ray_that_does_not_start_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr("ray.init", fail)
    with pytest.raises(UsageError, match=r"not start \(ValueError: Failed to start GCS\): free"):
        start_ray(None)


@pytest.fixture
def node(monkeypatch):
    """Replace a Ray that runs; its dashboard comes up."""
    node = SimpleNamespace(
        start_api_server=lambda **_: None, start_monitor=lambda: None, webui_url="127.0.0.1:8265"
    )
    monkeypatch.setattr("ray.init", lambda **_: None)
    monkeypatch.setattr("ray._private.worker._global_node", node)
    return node


def test_a_dashboard_is_started_where_one_is_asked_for(node):
    assert start_ray("127.0.0.1") == Started("127.0.0.1:8265")
    assert start_ray(None) == Started(None)


def test_trials_go_on_without_a_dashboard_that_does_not_start(node):
    node.start_api_server = fail
    started = start_ray("127.0.0.1")
    assert started.dashboard is None
    assert "did not start (ValueError: Failed to start GCS)" in str(started.failure)


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
