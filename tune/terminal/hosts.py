"""On which nodes of a cluster trials run, in words."""

from collections import Counter
from collections.abc import Iterable, Mapping

from tune.trial.record import TrialRecord

MOST_HOSTS = 8
"""Nodes that are named of one study; --json has all."""


def host_words(hosts: Mapping[str, int]) -> str:
    """Return the nodes with the most trials, and how many others there are.

    >>> host_words({"node1": 4, "node2": 3})
    'node1 (4), node2 (3)'
    """
    by_count = sorted(hosts.items(), key=lambda pair: -pair[1])
    shown = [f"{host} ({count})" for host, count in by_count[:MOST_HOSTS]]
    more = len(hosts) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def running_words(records: Iterable[TrialRecord]) -> str:
    """Return how many trials run on each node that had one; empty where all are on one node."""
    hosts: Counter[str] = Counter()
    for record in records:
        if record.spec.placement.host is not None:
            hosts[record.spec.placement.host] += record.outcome is None
    return f"on {host_words(hosts)}" if len(hosts) > 1 else ""
