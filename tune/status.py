"""`python -m tune.status`: the architecture x ratio matrix of all studies, also while one runs.

Parses, reads and draws; what is in the matrix is decided in `tune.matrix`.
"""

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tune.command import DONE, OneSentenceParser, run_command
from tune.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from tune.config import SearchConfig
    from tune.matrix import Cell, Matrix, Pixels

DEFAULT_RESULTS = "ray_results"
LOG_WIDTH = 100
"""Columns of the matrix where the output is no terminal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print the matrix; return the exit code."""
    parser = OneSentenceParser(
        "python -m tune.status",
        "Show what was searched: for each architecture and ratio the trials and the best score.",
    )
    parser.add_argument(
        "--results",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help=f"folder of all studies (default: {DEFAULT_RESULTS})",
    )
    arguments = parser.parse_args(argv)
    return run_command(lambda: show_status(getattr(arguments, "results", None)))


def show_status(results: str | None) -> int:
    """Print the matrices of a results folder, the default one if None.

    Raises:
        UsageError: If the folder that was named does not exist, or a file in it cannot be read.
    """
    from rich.console import Console

    from tune.matrix import build_matrices
    from tune.tables import read_readable_tables

    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH, highlight=False)
    if results is not None and not Path(results).is_dir():
        raise UsageError(
            f"--results must be a folder of studies, found {results!r} which is none: "
            "check the path, or make a study with python -m tune.search"
        )
    folder = Path(results or DEFAULT_RESULTS)
    trials, sentences = read_readable_tables(folder, "trials")
    for sentence in sentences:
        console.print(sentence, markup=False)
    if trials.empty:
        console.print(
            f"There is no trial in {folder} yet: start a search with "
            "python -m tune.search --arch attention --ratio 16"
        )
        return DONE
    configs = _read_configs(folder, sorted(set(trials["study"])))
    draw_matrices(console, build_matrices(trials, configs))
    return DONE


def draw_matrices(console: "Console", matrices: Sequence["Matrix"]) -> None:
    """Print every matrix under a line that says what its scores were measured on."""
    for matrix in matrices:
        console.print(_heading(matrix.pixels))
        console.print(_table(matrix))
    if len(matrices) > 1:
        console.print("Scores of different tables were measured on other pixels: do not compare.")
    console.print(
        "Bold: best validation PSNR in dB, in brackets the gain over that study's hand-set trial. "
        "running: no outcome yet; a killed search leaves such trials too."
    )


def _read_configs(folder: Path, studies: Sequence[str]) -> dict[str, "SearchConfig"]:
    from tune.config import read_config
    from tune.study import StudyFolder

    configs = {}
    for study in studies:
        with contextlib.suppress(UsageError):  # one of another release plans what it has
            configs[study] = read_config(StudyFolder(folder / study).config_file)
    return configs


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
        if any(cells):
            table.add_row(arch, *map(_cell_text, cells))
    return table


def _cell_text(cell: "Cell | None") -> "RenderableType":
    if cell is None:
        return "[dim]-[/]"
    lines = []
    if cell.best is not None:
        gain = "" if cell.best.gain_db is None else f" ({cell.best.gain_db:+.2f})"
        lines = [f"[bold]{cell.best.val_psnr_db:.2f}[/]{gain}", *cell.best.words]
    lines.append(f"{cell.num_ended}/{cell.num_planned} trials")
    if cell.num_running:
        lines.append(f"[cyan]{cell.num_running} running[/]")
    if cell.num_studies > 1:
        lines.append(f"{cell.num_studies} studies")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
