"""What is changed of Ray's start, without starting it."""

import subprocess

import psutil

from tune.engine.processes import LEFT_OUT, WORKER_NICENESS, left_out, lower_helpers


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
