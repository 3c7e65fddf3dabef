"""`python -m tune.node`: this machine becomes part of a Ray cluster, until a signal ends it.

Parses; what is started is decided and done in `tune.engine.raylets`.
"""

import sys
from collections.abc import Sequence

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
    arguments = parser.parse_args(argv)
    return run_command(lambda: join(arguments.address, dry_run=arguments.dry_run))


def join(address: str, *, dry_run: bool) -> int:
    """Start the nodes of this machine and wait until they end.

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
    from tune.terminal.words import say

    console = make_console()
    raylets = plan_raylets(this_machine())
    for raylet in raylets:
        say(console, raylet.words)
    if dry_run:
        return 0
    check_answer(Cluster(address))
    return run_raylets(raylets, address)


if __name__ == "__main__":
    sys.exit(main())
