"""The matrix of all studies as text, or as JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from tune.terminal.hosts import host_words
from tune.terminal.json_text import json_text
from tune.terminal.table import Column, draw_in_parts
from tune.terminal.words import say

if TYPE_CHECKING:
    from rich.console import Console

    from models.training.objective import Objective
    from tune.statistics.matrix import Cell, Matrix, Pixels, Progress


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
    return json_text({"matrices": shown, "notes": list(notes)}, indent=2) + "\n"


def draw_matrices(console: "Console", matrices: Sequence["Matrix"]) -> None:
    """Print every matrix under a line that says what its scores were measured on."""
    for matrix in matrices:
        pixels = matrix.pixels
        lead = "SYNTHETIC corpus" if pixels.is_synthetic else "corpus"
        style = "bold yellow" if pixels.is_synthetic else "bold"
        say(console, _heading(pixels), lead=lead, style=style)
        draw_in_parts(console, _columns(matrix))
    for sentence in _host_sentences(matrices):
        say(console, sentence)
    objectives = dict.fromkeys(matrix.pixels.maximised for matrix in matrices)
    for sentence in _legend(matrices, objectives):
        say(console, sentence)


def _host_sentences(matrices: Sequence["Matrix"]) -> list[str]:
    """Return on which nodes each study runs that runs on several."""
    running = (one for matrix in matrices for cell in matrix.cells.values() for one in cell.running)
    return [
        f"{one.study} runs on {len(one.hosts)} nodes: {host_words(one.hosts)}."
        for one in running
        if len(one.hosts) > 1
    ]


def _legend(matrices: Sequence["Matrix"], objectives: "Iterable[Objective]") -> list[str]:
    """Return what the lines of a cell mean, a sentence each."""
    sentences = []
    if len(matrices) > 1:
        sentences.append(
            "Scores of different tables were measured on other pixels, or at ratios that count "
            "something else"
            + (", or maximise another score" if len(list(objectives)) > 1 else "")
            + ": do not compare."
        )
    kinds = dict.fromkeys(matrix.pixels.rate for matrix in matrices)
    return [
        *sentences,
        f"First line: best validation {_first_words(objectives)}; in brackets the gain over the "
        "hand-set trial of the same study.",
        "full: mean test PSNR of the best promoted candidate, with its 95 % interval over seeds. "
        "The images are others than those of the first line: do not compare the two.",
        *(f"ratio of {kind}: {_KIND_WORDS.get(kind, 'unknown')}." for kind in kinds),
        "below baseline: worse than the promoted baseline at the same ratio.",
        "open: trials that are unfinished and do not run; the same command resumes them, or "
        "--more-hours where a deadline ended the search.",
        "--: nothing ran.",
    ]


def _first_words(objectives: "Iterable[Objective]") -> str:
    """Return what the first line of a cell is.

    >>> from models.training.objective import OBJECTIVES
    >>> _first_words([OBJECTIVES["psnr"], OBJECTIVES["ssim"]])
    'PSNR of the searches in dB or SSIM of the searches, as the table maximises'
    """
    words = [
        f"{one.words} of the searches" + (f" in {one.unit}" if one.unit else "")
        for one in objectives
    ]
    return " or ".join(words) + (", as the table maximises" if len(words) > 1 else "")


_KIND_WORDS = {
    "bytes": "both scores are at 8 / ratio bit per pixel",
    "elements": "the latent has 1 / ratio of the elements; both scores are unquantised",
}


def _heading(pixels: "Pixels") -> str:
    return (
        f"{pixels.corpus} (fingerprint {pixels.corpus_fingerprint}, split "
        f"{pixels.split_fingerprint}), {pixels.val_images} validation images of "
        f"{pixels.crop_px} px, ratio of {pixels.rate}"
        + ("" if pixels.objective == "psnr" else f", objective {pixels.maximised.words}")
    )


def _columns(matrix: "Matrix") -> list[Column]:
    from models.registry import ARCHITECTURES
    from models.shapes import RATIOS

    archs = list(dict.fromkeys([*ARCHITECTURES, *(arch for arch, _ in matrix.cells)]))
    ratios = sorted({*RATIOS, *(ratio for _, ratio in matrix.cells)})
    objective = matrix.pixels.maximised
    return [
        Column("", archs, is_words=True),
        *(
            Column(
                f"{ratio}x",
                [_cell_text(matrix.cells.get((arch, ratio)), objective) for arch in archs],
                is_words=True,
            )
            for ratio in ratios
        ),
    ]


def _cell_text(cell: "Cell | None", objective: "Objective") -> Text:
    """Return what a cell says, in lines that are short enough to stand beside four others."""
    if cell is None:
        return Text("--", style="dim")
    lines: list[str | Text] = []
    if cell.best is not None:
        digits = objective.decimals
        gain = "" if cell.best.gain is None else f" ({cell.best.gain:+.{digits}f})"
        lines = [f"{cell.best.score:.{digits}f}{gain}", *cell.best.words]
    lines += _promoted_lines(cell)
    count = _parameters(cell)
    if count is not None:
        lines.append(count)
    if cell.num_planned:
        lines.append(f"{cell.num_ended}/{cell.num_planned} trials")
    for one in cell.running:
        lines += [Text(line, style="cyan") for line in _progress_lines(one)]
    if cell.num_open and not any(one.unit == "trials" for one in cell.running):
        lines.append(f"{cell.num_open} open")
    if cell.num_studies > 1:
        lines.append(f"{cell.num_studies} studies")
    return Text("\n").join(line if isinstance(line, Text) else Text(line) for line in lines)


def _promoted_lines(cell: "Cell") -> list[str | Text]:
    promoted = cell.promoted
    if promoted is None:
        return ["full --"]
    lines: list[str | Text] = [Text(f"full {promoted.test_psnr_db:.2f}", style="bold")]
    if promoted.half_width_db is not None:
        lines.append(Text(f"   ± {promoted.half_width_db:.2f}", style="bold"))
    if promoted.verdict != "best":
        lines.append(promoted.verdict)
    if promoted.is_below_baseline:
        lines.append(Text("(below baseline)", style="yellow"))
    return lines


def _parameters(cell: "Cell") -> str | None:
    """Return the parameters of the promoted model, or of the best trial's."""
    of_whom = cell.promoted or cell.best
    if of_whom is None:
        return None
    count = of_whom.num_parameters
    return f"{count / 1e6:.2f} M param."


def _progress_lines(progress: "Progress") -> list[str]:
    done = f"{progress.num_ended}/{progress.num_planned} {progress.unit}"
    if progress.eta_s == 0:  # nothing is left to train
        return [f"{done},", "being evaluated"]
    if progress.eta_s is None:
        return [f"{done} running"]
    return [f"{done} running,", f"{_duration(progress.eta_s)} left"]


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d}" if minutes >= 60 else f"{max(minutes, 1)} min"
