"""`make bench`: run every benchmark and append what it prints to RESULTS.md.

Each benchmark is a module with a `main` and runs in a process of its own, one after the other, on
an otherwise quiet machine. Name some to run only those: `make bench ARGS="commands"`.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tune.config.machine import available_cores, detect_machine
from tune.storage.manifest import device_name, library_versions, project_commit

BENCHMARKS = (
    "commands",
    "training_step",
    "rate_step",
    "validation_noise",
    "patch_reading",
    "latent_coding",
    "coder_savings",
    "search_overhead",
    "driver_memory",
    "report",
    "journal",
    "footprint",
    "packing_night",
    "cluster_night",
    "interval_coverage",
)
RESULTS = Path(__file__).parent / "RESULTS.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all, and append their tables to RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], default=[])
    names = parser.parse_args(argv).names or BENCHMARKS
    heading = describe_run()
    print(heading)
    for name in names:
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            sys.stderr.write(done.stderr)
            return 1
        section = f"{heading}\n`python -m benchmarks.{name}`\n\n{done.stdout}\n"
        print(f"## {name}\n\n{done.stdout}")
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(f"\n### {name}\n\n{section}")
    return 0


def describe_run() -> str:
    """Return date, commit, machine and torch version in one line."""
    device = detect_machine().device
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {(project_commit() or 'unknown')[:7]}, "
        f"{device_name(device)}, {available_cores()} cores, "
        f"torch {library_versions()['torch']}\n"
    )


if __name__ == "__main__":
    raise SystemExit(main())
