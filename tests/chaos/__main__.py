"""`python -m tests.chaos --kills 30`: kill a search again and again and print what became of it."""

import argparse

from tests.chaos import nodes
from tests.chaos.report import KILLS_PER_STUDY, print_report


def main() -> int:
    """Print the table; return 1 if any check failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="30 take about eight minutes")
    parser.add_argument("--seed", type=int, default=0, help="chooses the moments")
    parser.add_argument("--per-study", type=int, default=KILLS_PER_STUDY)
    parser.add_argument("--nodes", action="store_true", help="kill nodes of a cluster instead")
    arguments = parser.parse_args()
    if arguments.nodes:
        return 0 if nodes.print_report(arguments.kills, arguments.seed) else 1
    is_good = print_report(arguments.kills, arguments.seed, arguments.per_study)
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
