"""How long a person waits for a command's help and for a plan.

`python -m benchmarks.commands` prints the median wall seconds of `--help` of every command and of
`tune.search --dry-run`, each in a process of its own. With `--beside FOLDER`, another checkout of
this project, it runs both in turn and prints the median ratio of the pairs, this one over that.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
COMMANDS = (
    "data.prepare",
    "tune.search",
    "tune.promote",
    "tune.train",
    "tune.status",
    "tune.doctor",
    "analysis.report",
)


def main() -> int:
    """Print one row per command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.commands")
    parser.add_argument("--beside", type=Path, help="another checkout to compare with")
    parser.add_argument("--times", type=int, default=5, help="runs of each command (default: 5)")
    arguments = parser.parse_args()
    checkouts = [REPOSITORY, *filter(None, [arguments.beside])]
    header = ["command", "median s", *(["other, s", "ratio"] if arguments.beside else [])]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    with tempfile.TemporaryDirectory() as results:
        asked = [(module, "--help") for module in COMMANDS]
        for words in [*asked, ("tune.search", "--dry-run", "--results", results)]:
            seconds = [
                [time_s(checkout, *words) for checkout in checkouts] for _ in range(arguments.times)
            ]
            cells = [f"{statistics.median(column):.2f}" for column in zip(*seconds, strict=True)]
            if arguments.beside:
                ratio = statistics.median(here / other for here, other in seconds)
                cells.append(f"{ratio:.2f}")
            print(f"| {' '.join(words[:2])} | {' | '.join(cells)} |", flush=True)
    return 0


def time_s(checkout: Path, module: str, *arguments: str) -> float:
    """Return the wall seconds of a command of a checkout."""
    start_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", module, *arguments],
        check=True,
        capture_output=True,
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
    )
    return time.monotonic() - start_s


if __name__ == "__main__":
    raise SystemExit(main())
