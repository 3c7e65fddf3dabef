"""The figure of docs/TUNING.md: regret over the epochs spent, per recorded truth.

    python -m benchmarks.search_quality.figure --nights 30 --out docs/images

draws `stopping.png`, one panel per truth, in a headless browser.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from plotly.graph_objects import Figure, Scatter
from plotly.subplots import make_subplots

from analysis.page.browser import require_browser
from analysis.page.palette import BLUE, GREEN, GREY, LIGHT, ORANGE
from analysis.page.section import NamedFigure
from analysis.page.static import write_static
from benchmarks.search_quality.__main__ import FOLDER
from benchmarks.search_quality.contenders import CONTENDERS, DEFAULT, NUM_TRIALS, Contender
from tune.simulation.regret import regret_after
from tune.simulation.truth import Truth
from tune.simulation.truth_file import read_truth

SHOWN = {
    "random, no stopping": (GREY, "random search, nobody stopped"),
    "random, asha grace 3 factor 3 (former)": (ORANGE, "random, asha (the former default)"),
    "random, leader tolerance 0.1": (GREEN, "random, leader"),
    DEFAULT.name: (BLUE, "default: hand-set point, tpe, leader"),
}
LEAST_DB = 1e-3
"""A regret below this is drawn at it: a logarithm has no zero."""


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_quality.figure")
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    asked = parser.parse_args(argv)
    truths = [read_truth(path) for path in sorted(FOLDER.glob("*_9.parquet"))]
    with tempfile.TemporaryDirectory() as folder:
        named = NamedFigure("stopping", "", draw(truths, asked.nights), pd.DataFrame())
        write_static(require_browser(), [named], Path(folder))
        (asked.out / "stopping.png").write_bytes((Path(folder) / "stopping.png").read_bytes())
    return 0


def draw(truths: Sequence[Truth], num_nights: int) -> Figure:
    """Return the figure of these truths."""
    num_rows = (len(truths) + 1) // 2
    titles = [truth.label for truth in truths]
    figure = make_subplots(num_rows, 2, subplot_titles=titles, vertical_spacing=0.16)
    contenders = [one for one in CONTENDERS if one.name in SHOWN]
    for index, truth in enumerate(truths):
        for one in contenders:
            colour, words = SHOWN[one.name]
            epochs, regret_db = regret_curve(one, truth, num_nights)
            figure.add_trace(
                Scatter(
                    x=epochs,
                    y=np.maximum(regret_db, LEAST_DB),
                    mode="lines",
                    line={"color": colour, "width": 2.5, "shape": "hv"},
                    name=words,
                    showlegend=index == 0,
                ),
                row=index // 2 + 1,
                col=index % 2 + 1,
            )
    figure.update_xaxes(title="epochs spent, all trials together")
    figure.update_yaxes(title="regret [dB]", type="log", range=[-3, 0.3])
    figure.update_layout(template=LIGHT, height=330 * num_rows + 80)
    return figure


def regret_curve(
    one: Contender, truth: Truth, num_nights: int
) -> tuple[list[int], "np.ndarray[tuple[int], np.dtype[np.float64]]"]:
    """Return the mean regret over nights after so many epochs."""
    nights = [one.night(truth, seed) for seed in range(num_nights)]
    epochs = list(range(1, NUM_TRIALS * truth.max_epochs // 2 + 1))
    regret_db = [[regret_after(night, count) for night in nights] for count in epochs]
    return epochs, np.mean(regret_db, axis=1)


if __name__ == "__main__":
    raise SystemExit(main())
