"""`python -m tune.status`: the architecture x ratio matrix of all studies, also while one runs.

Parses and draws; what is in the matrix is decided in `tune.matrix`, what is read in
`tune.standings`.
"""

import argparse
import contextlib
import io
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tune.command import DONE, OneSentenceParser, run_command
from tune.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from tune.matrix import Cell, Matrix, Pixels, Progress

DEFAULT_RESULTS = "ray_results"
WATCH_S = 5.0
CLEAR = "\x1b[2J\x1b[H"
"""What empties a terminal and goes to its first line."""

LOG_WIDTH = 100
"""Columns of the matrix where the output is no terminal."""


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
    from rich.console import Console

    if not 0 < interval_s < math.inf:
        raise UsageError(
            f"--watch needs a finite number of seconds above 0, found {interval_s:g}: "
            f"leave it out for {WATCH_S:g}"
        )
    home = CLEAR if sys.stdout.isatty() else ""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            # Drawn aside and written at once, so that nobody sees half a matrix.
            aside = Console(
                file=io.StringIO(), width=None if home else LOG_WIDTH, highlight=False,
                force_terminal=bool(home),
            )  # fmt: skip
            draw_status(aside, results)
            assert isinstance(aside.file, io.StringIO)
            now = datetime.now(UTC).strftime("%H:%M:%S UTC")
            text = aside.file.getvalue()
            sys.stdout.write(f"{home}{text}{now}, again in {interval_s:g} s; Ctrl-C ends\n")
            sys.stdout.flush()
            time.sleep(interval_s)
    return DONE


def show_status(results: str | None, *, as_json: bool) -> int:
    """Print the matrices of a results folder, the default one if None.

    Raises:
        UsageError: If the folder that was named does not exist.
    """
    if as_json:
        sys.stdout.write(to_json(*read_status(results)))
        return DONE
    from rich.console import Console

    width = None if sys.stdout.isatty() else LOG_WIDTH
    draw_status(Console(width=width, highlight=False), results)
    return DONE


def read_status(results: str | None) -> "tuple[Sequence[Matrix], list[str]]":
    """Return the matrices of a results folder, and what of it could not be read.

    Raises:
        UsageError: If the folder that was named does not exist.
    """
    if results is not None and not Path(results).is_dir():
        raise UsageError(
            f"--results must be a folder of studies, found {results!r} which is none: "
            "check the path, or make a study with python -m tune.search"
        )
    from tune.matrix import build_matrices
    from tune.standings import describe_best, read_promotions, read_searches

    folder = Path(results or DEFAULT_RESULTS)
    searches, sentences = read_searches(folder)
    promotions, more = read_promotions(folder)
    matrices = build_matrices(searches, promotions, partial(describe_best, folder))
    return matrices, [*sentences, *more]


def draw_status(console: "Console", results: str | None) -> None:
    """Print the matrices of a results folder, or how to begin."""
    matrices, sentences = read_status(results)
    for sentence in sentences:
        console.print(sentence, markup=False)
    if matrices:
        draw_matrices(console, matrices)
    else:
        console.print(
            f"There is no trial in {results or DEFAULT_RESULTS} yet: start a search with "
            "python -m tune.search --arch attention --ratio 16"
        )


def to_json(matrices: Sequence["Matrix"], notes: Sequence[str]) -> str:
    """Return the matrices for machines: a list of them, each with a list of cells."""
    shown = [
        {
            **asdict(matrix.pixels),
            "cells": [
                {"arch": arch, "ratio": ratio, **asdict(cell)}
                for (arch, ratio), cell in sorted(matrix.cells.items())
            ],
        }
        for matrix in matrices
    ]
    return json.dumps({"matrices": shown, "notes": list(notes)}, indent=2) + "\n"


def draw_matrices(console: "Console", matrices: Sequence["Matrix"]) -> None:
    """Print every matrix under a line that says what its scores were measured on."""
    for matrix in matrices:
        console.print(_heading(matrix.pixels))
        console.print(_table(matrix))
    if len(matrices) > 1:
        console.print("Scores of different tables were measured on other pixels: do not compare.")
    console.print(
        "First line: best validation PSNR of the searches in dB, in brackets the gain over that "
        "study's hand-set trial. full: test PSNR of the best promoted candidate, mean and 95 % "
        "interval over seeds, latent not quantised; other images, so the two do not compare. below "
        "baseline: under the promoted baseline at that ratio. --: nothing ran. open: not ended "
        "and no driver, the same command goes on."
    )


def _heading(pixels: "Pixels") -> str:
    kind = "[bold yellow]SYNTHETIC corpus[/]" if pixels.is_synthetic else "[bold]corpus[/]"
    return (
        f"{kind} {pixels.corpus} (fingerprint {pixels.corpus_fingerprint}, split "
        f"{pixels.split_fingerprint}), {pixels.val_images} validation images of {pixels.crop_px} px"
    )


def _table(matrix: "Matrix") -> "Table":
    from rich.table import Table

    from models.registry import ARCHITECTURES, RATIOS

    archs = list(dict.fromkeys([*ARCHITECTURES, *(arch for arch, _ in matrix.cells)]))
    ratios = sorted({*RATIOS, *(ratio for _, ratio in matrix.cells)})
    table = Table(show_lines=True)
    table.add_column("")
    for ratio in ratios:
        table.add_column(f"{ratio}x", ratio=1)
    for arch in archs:
        cells = [matrix.cells.get((arch, ratio)) for ratio in ratios]
        table.add_row(arch, *map(_cell_text, cells))
    return table


def _cell_text(cell: "Cell | None") -> "RenderableType":
    if cell is None:
        return "[dim]--[/]"
    lines = []
    if cell.best is not None:
        gain = "" if cell.best.gain_db is None else f" ({cell.best.gain_db:+.2f})"
        lines = [f"{cell.best.val_psnr_db:.2f}{gain}", *cell.best.words]
    lines += _promoted_lines(cell)
    count = _parameters(cell)
    if count is not None:
        lines.append(count)
    if cell.num_planned:
        lines.append(f"{cell.num_ended}/{cell.num_planned} trials")
    lines += [f"[cyan]{_progress_words(one)}[/]" for one in cell.running]
    if cell.num_open and not any(one.unit == "trials" for one in cell.running):
        lines.append(f"{cell.num_open} open")
    if cell.num_studies > 1:
        lines.append(f"{cell.num_studies} studies")
    return "\n".join(lines)


def _promoted_lines(cell: "Cell") -> list[str]:
    promoted = cell.promoted
    if promoted is None:
        return ["full --"]
    lines = [f"[bold]full {promoted.test_psnr_db:.2f}[/]"]
    if promoted.half_width_db is not None:
        lines.append(f"[bold]   ± {promoted.half_width_db:.2f}[/]")
    if promoted.verdict != "best":
        lines.append(promoted.verdict)
    if promoted.is_below_baseline:
        lines.append("[yellow](below baseline)[/]")
    return lines


def _parameters(cell: "Cell") -> str | None:
    """Return the parameters of the promoted model, or of the best trial's."""
    of_whom = cell.promoted or cell.best
    if of_whom is None:
        return None
    count = of_whom.num_parameters
    return f"{count / 1e6:.2f} M param."


def _progress_words(progress: "Progress") -> str:
    if progress.eta_s == 0:  # nothing is left to train
        return f"{progress.num_ended}/{progress.num_planned} {progress.unit}, being evaluated"
    left = "" if progress.eta_s is None else f", {_duration(progress.eta_s)} left"
    return f"{progress.num_ended}/{progress.num_planned} {progress.unit} running{left}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes >= 60 else f"{max(minutes, 1)} min"


if __name__ == "__main__":
    sys.exit(main())
