"""`python -m tune.node`: this machine becomes part of a Ray cluster, until a signal ends it.

Parses; what is started is decided and done in `tune.engine.raylets`.
"""

import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tune.card.mps import add_mps_flag, mps_session
from tune.config.cluster import Cluster, is_head_address
from tune.config.command import OneSentenceParser, make_console, run_command
from tune.errors import UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Start this machine's part of a cluster and wait; return the exit code."""
    parser = OneSentenceParser(
        "python -m tune.node",
        "Join a Ray cluster with this machine: one node for each CUDA card, so that Ray counts "
        "every card's memory, or one for a machine without.",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        required=True,
        help="the cluster's head, as `ray start --head` prints it",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be started, start nothing"
    )
    add_mps_flag(parser)
    arguments = parser.parse_args(argv)
    return run_command(
        lambda: join(arguments.address, dry_run=arguments.dry_run, mps=arguments.mps)
    )


def join(address: str, *, dry_run: bool, mps: bool) -> int:
    """Start the nodes of this machine and wait until they end.

    Args:
        address: Of the cluster's head.
        dry_run: Whether to start nothing.
        mps: Whether trials may share a CUDA card by NVIDIA's multi-process service.

    Raises:
        UsageError: If the address is none, or nobody answers there.
    """
    if not is_head_address(address):
        raise UsageError(
            f"--address is HOST:PORT of the cluster's head, found {address!r}: "
            "`ray start --head` prints it"
        )
    from tune.engine.attach import check_answer
    from tune.engine.raylets import plan_raylets, run_raylets, this_machine
    from tune.engine.temporary import temporary_folder
    from tune.terminal.words import say

    console = make_console()
    raylets = plan_raylets(this_machine())
    for raylet in raylets:
        say(console, raylet.words)
    if dry_run:
        return 0
    check_answer(Cluster(address))
    with ExitStack() as around:
        if mps and raylets[0].card is not None:
            folder = around.enter_context(temporary_folder(Path(tempfile.gettempdir())))
            say(console, around.enter_context(mps_session(folder)))
        return run_raylets(raylets, address)


if __name__ == "__main__":
    sys.exit(main())
