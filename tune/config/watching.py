"""How a person may watch a command: Ray's dashboard, Optuna's, TensorBoard's event files."""

import argparse
import ipaddress
import socket
from contextlib import closing
from dataclasses import dataclass

from tune.errors import UsageError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Live:
    """What is offered to watch.

    Attributes:
        dashboard: Whether Ray's dashboard is started.
        host: Address that it listens on.
        has_own_workers: Whether every trial gets a worker of its own, which bears its name in the
            dashboard; otherwise a worker keeps the name of the first trial that it runs.
        tensorboard: Whether event files are written for TensorBoard.
    """

    dashboard: bool = True
    host: str = LOOPBACK
    has_own_workers: bool = False
    tensorboard: bool = False


USUAL = Live()
"""What is offered where nobody asks."""


def add_json_flag(parser: argparse._ActionsContainer) -> None:
    """Add the flag that asks for events (`tune.terminal.events`)."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="write what happens as lines of JSON to standard output, and words to standard error",
    )


def add_live_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say what is offered to watch."""
    group = parser.add_argument_group("watching")
    group.add_argument(
        "--dashboard",
        action=argparse.BooleanOptionalAction,
        help="show Ray's dashboard; on by default. Where --dashboard is given, every trial gets a "
        "worker of its own with its name in the dashboard, which takes seconds per trial",
    )
    group.add_argument(
        "--dashboard-host",
        metavar="ADDRESS",
        default=LOOPBACK,
        help=f"IP address of this machine that it listens on (default: {LOOPBACK})",
    )
    add_json_flag(group)
    group.add_argument(
        "--tensorboard",
        action="store_true",
        help="write TensorBoard's event files into the study's folder",
    )


def read_live(arguments: argparse.Namespace) -> Live:
    """Return what was asked for by the flags of `add_live_flags`.

    Raises:
        UsageError: If the dashboard cannot listen on the address.
    """
    host = arguments.dashboard_host
    if not _is_of_this_machine(host):
        raise UsageError(
            f"--dashboard-host must be an IP address of this machine, found {host!r}: leave it out "
            f"for {LOOPBACK}, or write 0.0.0.0 for all of them"
        )
    return Live(
        dashboard=arguments.dashboard is not False,
        host=host,
        has_own_workers=bool(arguments.dashboard),
        tensorboard=arguments.tensorboard,
    )


def _is_of_this_machine(host: str) -> bool:
    """Return whether somebody could listen on an address."""
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
        with closing(socket.socket(family)) as probe:
            probe.bind((host, 0))
    except (ValueError, OSError):
        return False
    return True
