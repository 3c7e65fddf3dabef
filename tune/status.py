"""`python -m tune.status`: the architecture x ratio matrix of all studies, also while one runs.

Parses; what is in the matrix is decided in `tune.statistics.matrix`, what is read in
`tune.results.standings`.
"""

import argparse
import contextlib
import io
import math
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tune.commands import DEFAULT_RESULTS, first_search
from tune.config.command import (
    DONE,
    OneSentenceParser,
    check_results_exist,
    make_console,
    run_command,
)
from tune.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from tune.statistics.matrix import Matrix

WATCH_S = 5.0
CLEAR = "\x1b[2J\x1b[H"
"""What empties a terminal and goes to its first line."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the matrix; return the exit code."""
    parser = OneSentenceParser(
        "python -m tune.status",
        "Show what was searched and promoted: for each architecture and ratio the best scores.",
    )
    parser.add_argument(
        "--results",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help=f"folder of all studies (default: {DEFAULT_RESULTS})",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--json", action="store_true", help="print the matrix for machines")
    kind.add_argument(
        "--watch",
        metavar="SECONDS",
        nargs="?",
        type=float,
        const=WATCH_S,
        help=f"print it again every so many seconds until Ctrl-C (default: {WATCH_S:g})",
    )
    arguments = parser.parse_args(argv)
    results = getattr(arguments, "results", None)
    if arguments.watch is not None:
        return run_command(lambda: watch_status(results, arguments.watch))
    return run_command(lambda: show_status(results, as_json=arguments.json))


def watch_status(results: str | None, interval_s: float) -> int:
    """Print the matrices again and again until interrupted, on a terminal each over the last.

    Raises:
        UsageError: If the interval is none, or the folder that was named does not exist.
    """
    if not 0 < interval_s < math.inf:
        raise UsageError(
            f"--watch needs a finite number of seconds above 0, found {interval_s:g}: "
            f"leave it out for {WATCH_S:g}"
        )
    home = CLEAR if sys.stdout.isatty() else ""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            # Drawn aside and written at once, so that nobody sees half a matrix.
            aside = io.StringIO()
            draw_status(make_console(aside, is_terminal=bool(home)), results)
            now = datetime.now(UTC).strftime("%H:%M:%S UTC")
            text = f"{home}{aside.getvalue()}{now}, again in {interval_s:g} s; Ctrl-C ends\n"
            sys.stdout.write(text)
            sys.stdout.flush()
            time.sleep(interval_s)
    return DONE


def show_status(results: str | None, *, as_json: bool) -> int:
    """Print the matrices of a results folder, the default one if None.

    Raises:
        UsageError: If the folder that was named does not exist.
    """
    if as_json:
        from tune.terminal.matrix import to_json

        sys.stdout.write(to_json(*read_status(results)))
    else:
        draw_status(make_console(), results)
    return DONE


def read_status(results: str | None) -> "tuple[Sequence[Matrix], list[str]]":
    """Return the matrices of a results folder, and what of it could not be read.

    Raises:
        UsageError: If the folder that was named does not exist.
    """
    if results is not None:
        check_results_exist(results)
    from tune.results.standings import describe_best, read_promotions, read_searches
    from tune.statistics.matrix import build_matrices
    from tune.tables.originals import find_copies, sentences_of

    folder = Path(results or DEFAULT_RESULTS)
    copies = find_copies(folder)
    searches, sentences = read_searches(folder, copies)
    promotions, more = read_promotions(folder, copies)
    matrices = build_matrices(searches, promotions, partial(describe_best, folder))
    return matrices, [*sentences_of(copies), *sentences, *more]


def draw_status(console: "Console", results: str | None) -> None:
    """Print the matrices of a results folder, or how to begin."""
    from tune.terminal.matrix import draw_matrices
    from tune.terminal.words import say, show_commands

    matrices, sentences = read_status(results)
    for sentence in sentences:
        say(console, sentence)
    if matrices:
        draw_matrices(console, matrices)
        return
    say(console, f"There is no trial in {results or DEFAULT_RESULTS} yet.")
    show_commands(console, "start a search:", [first_search(results or DEFAULT_RESULTS)])


if __name__ == "__main__":
    # A status needs no algebra, and the threads of it that Arrow's NumPy starts wait by spinning.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(main())
