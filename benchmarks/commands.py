"""How long a person waits for a command's help and for a plan.

`python -m benchmarks.commands` prints the median wall seconds of `--help` of every command and of
`tune.search --dry-run`, each in a process of its own.
"""

import statistics
import subprocess
import sys
import tempfile
import time

COMMANDS = ("data.prepare", "tune.search", "tune.train", "tune.status", "analysis.report")


def main() -> int:
    """Print one row per command."""
    print("| command | median s |")
    print("|---|---|")
    for module in COMMANDS:
        print(f"| {module} --help | {median_s(module, '--help'):.2f} |")
    with tempfile.TemporaryDirectory() as results:
        seconds = median_s("tune.search", "--dry-run", "--results", results)
        print(f"| tune.search --dry-run | {seconds:.2f} |")
    return 0


def median_s(module: str, *arguments: str) -> float:
    """Return the median of five runs of a command."""
    seconds = []
    for _ in range(5):
        start_s = time.monotonic()
        subprocess.run([sys.executable, "-m", module, *arguments], check=True, capture_output=True)
        seconds.append(time.monotonic() - start_s)
    return statistics.median(seconds)


if __name__ == "__main__":
    raise SystemExit(main())
