"""Which Ray the trials of a command run in: one of its own, or a cluster that others started."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tune.errors import UsageError

AUTO = "auto"
"""The cluster that this machine is part of."""

CLIENT = "ray://"
"""What the address of a cluster begins with that this machine is no part of."""

SHELL = "RAY_ADDRESS"
"""The variable of the shell in which Ray's own commands look for an address."""

OWN_RAY = "local"
"""Ray's word for a Ray of its own."""

MOST_PORT = 65535


@dataclass(frozen=True)
class Cluster:
    """A cluster that others started.

    Attributes:
        address: "auto", HOST:PORT of its head, or ray://HOST:PORT of its server for clients.
        is_from_shell: Whether the shell names it and no flag does.
        is_staged: Whether corpus and checkpoints travel through Ray, for want of a shared folder.
    """

    address: str
    is_from_shell: bool = False
    is_staged: bool = False

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


def read_cluster(arguments: argparse.Namespace, environment: Mapping[str, str]) -> Cluster | None:
    """Return the cluster that was asked for; None for a Ray of our own.

    Args:
        arguments: With the flags of `add_cluster_flags`, and `mps`.
        environment: The shell's variables.

    Raises:
        UsageError: If an address is none.
    """
    is_from_shell = arguments.address is None
    address = environment.get(SHELL, "") if is_from_shell else arguments.address
    if is_from_shell and address in {"", OWN_RAY}:
        return None
    name = SHELL if is_from_shell else "--address"
    if arguments.mps:
        raise UsageError(
            f"--mps is for the card of this machine, found it with {name}: start the cluster's "
            "nodes with `python -m tune.node --mps`"
        )
    if not is_address(address):
        raise UsageError(
            f"{name} is auto, HOST:PORT or {CLIENT}HOST:PORT, found {address!r}: "
            "`ray status` on the cluster's head prints it"
        )
    return Cluster(address, is_from_shell)


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
