"""Runs a measurement where trials will train: here, or on a node of the cluster."""

from collections.abc import Callable
from typing import Any, TypeVar

from models.training.precision import prepare_process
from tune.engine.node import on_node
from tune.trial.spec import Placement

T = TypeVar("T")


def run_where_trials_do(placement: Placement, function: Callable[..., T], *arguments: Any) -> T:
    """Call a function where a trial with this placement would run, and wait for what it returns.

    It reserves there what the trial would, so that others are not disturbed.

    Args:
        placement: Of the trial.
        function: One that a worker can import.
        *arguments: What it is given.
    """
    if placement.raylet is None:
        return function(*arguments)
    import ray
    from ray.exceptions import RayTaskError

    task: Any = ray.remote(_prepared)
    there = task.options(
        num_cpus=1,
        num_gpus=placement.gpu_fraction,
        memory=placement.ram_mib * 2**20,
        label_selector=on_node(placement.raylet),
        max_retries=0,
    )
    try:
        found: T = ray.get(there.remote(placement.num_threads, function, arguments))
    except RayTaskError as error:
        raise error.cause from error
    return found


def _prepared(num_threads: int, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    prepare_process(num_threads)
    return function(*arguments)
