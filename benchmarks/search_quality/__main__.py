"""`python -m benchmarks.search_quality`: a Markdown table per recorded truth, and per half of it.

Epochs are summed over all trials; two workers, 40 trials at most. Near is a score in hand within
0.1 dB of the best of the night's table. "x random" compares the median epochs to near with random
search without stopping. With --halves the default is chosen on the even configurations and told on
the odd ones too.
"""

import argparse
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.search_quality.contenders import CONTENDERS, SLOW, WITHOUT_STOPPING
from models.training.objective import OBJECTIVES
from tune.simulation.night import Night
from tune.simulation.regret import epochs_to, regret_after, stops
from tune.simulation.truth import Truth
from tune.simulation.truth_file import read_truth
from tune.statistics.replayed import Mean, ratio

FOLDER = Path(__file__).parent.parent / "truth"
COLUMNS = (
    "way to search",
    "epochs to near",
    "x random",
    "regret at 40 %",
    "at the end",
    "false stops",
    "winner lost",
    "epochs",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_quality")
    parser.add_argument("truth", nargs="*", type=Path, help="recorded truth; all by default")
    parser.add_argument("--nights", type=int, default=40, help="nights per way to search")
    parser.add_argument("--halves", action="store_true", help="tell each half on its own too")
    parser.add_argument("--slow", action="store_true", help="the Gaussian process too")
    asked = parser.parse_args(argv)
    contenders = {one.name: one.night for one in (*CONTENDERS, *(SLOW if asked.slow else ()))}
    for path in asked.truth or sorted(FOLDER.glob("*_9.parquet")):
        whole = read_truth(path)
        truths = [(whole.label, whole)]
        if asked.halves:
            truths += [(f"{whole.label}, half {n}", whole.half(n - 1)) for n in (1, 2)]
        for label, truth in truths:
            print_table(label, truth, contenders, asked.nights)
    return 0


def print_table(
    label: str, truth: Truth, contenders: dict[str, Callable[[Truth, int], Night]], num_nights: int
) -> None:
    """Print the table of one truth, line by line as it is known."""
    print(f"\n{label}: {len(truth.configurations)} configurations, {num_nights} nights\n")
    print(f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|")
    random: float | None = None
    for name, run in contenders.items():
        nights = [run(truth, seed) for seed in range(num_nights)]
        near = statistics.median(epochs_to(night, OBJECTIVES["psnr"].near) for night in nights)
        if name == WITHOUT_STOPPING.name:
            random = near
        print(f"| {' | '.join(cells(name, nights, near, random))} |", flush=True)


def cells(name: str, nights: Sequence[Night], near: float, random: float | None) -> list[str]:
    """Return the cells of one way to search."""
    full = max(len(night.tried) for night in nights) * nights[0].max_epochs
    stopped = [stops(night) for night in nights]
    wrong = ratio([one.num_wrong for one in stopped], [one.num_stopped for one in stopped])
    return [
        name,
        "never" if math.isinf(near) else f"{near:.0f}",
        "-" if random is None or math.isinf(near) else f"{random / near:.1f}",
        f"{Mean.of([regret_after(night, round(0.4 * full)) for night in nights]).value:.3f}",
        f"{Mean.of([regret_after(night, full) for night in nights]).value:.3f}",
        "-" if wrong is None else f"{wrong.value:.0%} ± {100 * (wrong.half or 0):.0f}",
        f"{statistics.mean(one.lost > 0 for one in stopped):.0%}",
        f"{statistics.mean(len(night.steps) for night in nights):.0f}",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
