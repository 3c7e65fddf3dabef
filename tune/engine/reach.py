"""Reaches the cluster that a command was given, if it was given one. Loads Ray only then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tune.config.cluster import Cluster

if TYPE_CHECKING:  # which loads Ray
    from tune.engine.nodes import Nodes


@contextmanager
def reached(cluster: Cluster | None, say: Callable[[str], None]) -> Iterator["Nodes | None"]:
    """Yield the nodes of a cluster, attached for the time of a command; None without a cluster.

    Args:
        cluster: Which one; None for a Ray of our own, which starts when there is a trial to run.
        say: Shows a sentence.

    Raises:
        UsageError: If the cluster cannot be reached, or no node of it answers.
    """
    if cluster is None:
        yield None
        return
    from tune.engine.attach import attached
    from tune.engine.drivers import register_driver, unreserved
    from tune.engine.nodes import Nodes

    with attached(cluster, say) as there:
        driver = register_driver()
        nodes = Nodes(say, there, partial(unreserved, driver), cluster.scratch)
        try:
            nodes.meet()
            yield nodes
        finally:
            nodes.close()
