"""How drivers know of each other, so that they share a cluster evenly: Ray has no queue of jobs."""

import secrets
from typing import Any

import ray
from ray.exceptions import RayError

DRIVER = "driver-"
"""What the names of the actors begin with by which drivers know of each other."""


ANSWER_S = 2.0
"""Time that the actor has to answer; trials wait meanwhile."""


@ray.remote(num_cpus=0)
class Driver:
    """Tells other drivers that this one is there; it ends with its driver.

    It is a part of the cluster, which a driver need not be.
    """

    def unreserved(self) -> dict[str, dict[str, float]]:
        """Return what nobody reserves of every node now, by Ray's names."""
        from ray._private.state import available_resources_per_node

        found: dict[str, dict[str, float]] = available_resources_per_node()  # type: ignore[no-untyped-call]
        return found


def register_driver() -> Any:
    """Let other drivers know of this one for as long as what is returned is kept."""
    actor: Any = Driver
    # Of a node that dies it moves to another one.
    return actor.options(name=f"{DRIVER}{secrets.token_hex(8)}", max_restarts=-1).remote()


def unreserved(driver: Any) -> dict[str, dict[str, float]]:
    """Return what nobody reserves of every node now, by Ray's names; nothing if nobody tells.

    Args:
        driver: What `register_driver` returned.
    """
    try:
        found: dict[str, dict[str, float]] = ray.get(driver.unreserved.remote(), timeout=ANSWER_S)
    except RayError:  # too slow, or its node has died
        return {}
    return found


def num_drivers() -> int:
    """Return how many drivers of ours share the cluster, this one included."""
    names = ray.util.list_named_actors()
    return sum(name.startswith(DRIVER) for name in names)
