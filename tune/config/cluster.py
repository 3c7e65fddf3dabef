"""Which Ray the trials of a command run in: one of its own, or a cluster that others started."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from tune.errors import UsageError

AUTO = "auto"
"""The cluster that this machine is part of."""

CLIENT = "ray://"
"""What the address of a cluster begins with that this machine is no part of."""

SHELL = "RAY_ADDRESS"
"""The variable of the shell in which Ray's own commands look for an address."""

OWN_RAY = "local"
"""Ray's word for a Ray of its own."""

SCRATCH = "/var/tmp"
"""Where a node keeps what was copied to it, if nothing else is said: it is kept over a restart and
lies on a disk, while /tmp may be memory."""

MOST_PORT = 65535


@dataclass(frozen=True)
class Cluster:
    """A cluster that others started.

    Attributes:
        address: "auto", HOST:PORT of its head, or ray://HOST:PORT of its server for clients.
        is_from_shell: Whether the shell names it and no flag does.
        scratch: Folder on every node to which the corpus is copied and from which checkpoints
            travel; None where all nodes see the driver's folders.
    """

    address: str
    is_from_shell: bool = False
    scratch: str | None = None

    @property
    def is_client(self) -> bool:
        """Whether this machine is no part of the cluster."""
        return self.address.startswith(CLIENT)

    @property
    def host_and_port(self) -> tuple[str, int] | None:
        """Where somebody must listen; None where only Ray knows."""
        if self.address == AUTO:
            return None
        host, _, port = self.address.removeprefix(CLIENT).rpartition(":")
        return host.strip("[]"), int(port)


def add_cluster_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name a cluster."""
    group = parser.add_argument_group(
        "cluster", "Without an address, trials run on this machine, in a Ray of their own."
    )
    group.add_argument(
        "--address",
        metavar="ADDRESS",
        help="Ray cluster that trials run on: auto (the one that this machine is part of), "
        f"HOST:PORT of its head, or {CLIENT}HOST:PORT (default: the variable {SHELL}, if set)",
    )


def add_stage_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag for a cluster whose nodes share no path."""
    parser.add_argument(
        "--stage",
        nargs="?",
        const=SCRATCH,
        metavar="SCRATCH",
        help="nodes share no path: copy the corpus once to this folder of every node, and send "
        f"checkpoints to this machine after each epoch (without a value: {SCRATCH})",
    )


def read_cluster(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Cluster | None:
    """Return the cluster that was asked for; None for a Ray of our own.

    Args:
        arguments: With the flags of `add_cluster_flags`, and those of `add_stage_flag` and
            `tune.card.mps.add_mps_flag` where the command has them.
        environment: The shell's variables.

    Raises:
        UsageError: If an address is none, or nothing can be staged there.
    """
    is_from_shell = arguments.address is None
    address = environment.get(SHELL, "") if is_from_shell else arguments.address
    scratch: str | None = vars(arguments).get("stage")
    if is_from_shell and address in {"", OWN_RAY}:
        if scratch is not None:
            raise UsageError(
                "--stage is for the nodes of a cluster, found no --address: name a cluster, or "
                "leave --stage out"
            )
        return None
    name = SHELL if is_from_shell else "--address"
    if vars(arguments).get("mps"):
        raise UsageError(
            f"--mps is for the card of this machine, found it with {name}: start the cluster's "
            "nodes with `python -m tune.node --mps`"
        )
    if not is_address(address):
        raise UsageError(
            f"{name} is auto, HOST:PORT or {CLIENT}HOST:PORT, found {address!r}: "
            "`ray status` on the cluster's head prints it"
        )
    cluster = Cluster(address, is_from_shell, scratch)
    _check_stage(cluster)
    return cluster


def _check_stage(cluster: Cluster) -> None:
    """Refuse a scratch folder that is none everywhere, or a driver that nobody can fetch from."""
    if cluster.scratch is None:
        return
    if not PurePosixPath(cluster.scratch).is_absolute():
        raise UsageError(
            "--stage names a folder that every node has or can make, as an absolute path, found "
            f"{cluster.scratch!r}: name one like {SCRATCH}, or leave the value out"
        )
    if cluster.is_client:
        raise UsageError(
            "--stage needs a node of the cluster on this machine, from which others fetch, found "
            f"the address {cluster.address}: start one here with `ray start --num-cpus 0 "
            "--address HOST:PORT`, and name it with --address auto"
        )


def is_head_address(text: str) -> bool:
    """Return whether a text can be the address of a cluster's head.

    >>> [is_head_address(text) for text in ("lab:6379", "auto", "ray://lab:10001")]
    [True, False, False]
    """
    return is_address(text) and text != AUTO and not text.startswith(CLIENT)


def is_address(text: str) -> bool:
    """Return whether a text can be a cluster's address.

    >>> [is_address(text) for text in ("auto", "lab:6379", "ray://lab:10001", "[::1]:6379")]
    [True, True, True, True]
    >>> [is_address(text) for text in ("", "lab", "lab:", "lab:x", ":1", "lab:70000", "http://a:1")]
    [False, False, False, False, False, False, False]
    """
    if text == AUTO:
        return True
    found = re.fullmatch(r"([\w.-]+|\[[0-9a-fA-F:.]+\]):(\d+)", text.removeprefix(CLIENT))
    return found is not None and 0 < int(found.group(2)) <= MOST_PORT
