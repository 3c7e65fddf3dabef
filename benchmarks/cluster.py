"""What a cluster costs: four nodes of one slot against one of four, and against a local search.

`python -m benchmarks.cluster` starts raylets on this machine as others would have, runs the same
search on both and in a Ray of its own, in turn, and prints whole seconds, and those from the
command's start to its first training. Nothing but ratios of one run means anything: all of them
share the cores of this machine.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data.synthetic import ensure_synthetic_corpus
from tune.engine.code import copy_packages
from tune.engine.session import PROJECT

SLOTS = 4
NODE_BYTES = 2 * 2**30
SHELL = {"RAY_AUTH_MODE": "disabled", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}


@dataclass(frozen=True)
class Times:
    """Seconds of one search: to its first training, and in all."""

    first_s: float
    whole_s: float


def main(argv: Sequence[str] | None = None) -> int:
    """Print a row per place."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args(argv)
    corpus = ensure_synthetic_corpus().absolute()
    asked = ["--trials", str(arguments.trials), "--epochs", str(arguments.epochs)]
    found: dict[str, list[Times]] = {}
    for _ in range(arguments.rounds):
        for name, nodes in (("one node of 4 slots", [SLOTS]), ("4 nodes of one slot", [1] * SLOTS)):
            with cluster(nodes) as address:
                found.setdefault(name, []).append(time_search(corpus, asked, address))
        found.setdefault("a Ray of its own", []).append(time_search(corpus, asked, None))
    print("| where | to the first training, s | in all, s |\n|---|---|---|")
    medians = {name: median(times) for name, times in found.items()}
    for name, times in medians.items():
        print(f"| {name} | {times.first_s:.1f} | {times.whole_s:.1f} |")
    one, four, local = medians.values()
    print(f"\n4 nodes over one, in all: {four.whole_s / one.whole_s:.2f} (required at most 1.10)")
    print(
        f"4 nodes over local, to the first training: {four.first_s - local.first_s:+.1f} s", end=""
    )
    print(" (required at most +10)")
    with tempfile.TemporaryDirectory() as folder:
        start_s = time.monotonic()
        num_bytes = copy_packages(PROJECT, Path(folder))
        took_s = time.monotonic() - start_s
        packed = shutil.make_archive(f"{folder}/packed", "zip", folder)
        packed_kib = Path(packed).stat().st_size / 2**10
    print(
        f"code that is sent: {num_bytes / 2**10:.0f} KiB, {packed_kib:.0f} packed, {took_s:.2f} s"
    )
    return 0


def median(times: Sequence[Times]) -> Times:
    """Return the median of each."""
    return Times(
        statistics.median(one.first_s for one in times),
        statistics.median(one.whole_s for one in times),
    )


def time_search(corpus: Path, asked: Sequence[str], address: str | None) -> Times:
    """Run one search and read its events."""
    with tempfile.TemporaryDirectory() as results:
        words = [
            *(sys.executable, "-m", "tune.search", "--json", "--arch", "baseline"),
            *("--data", str(corpus), "--results", results, "--name", "study"),
            *("--precision", "fp32", "--scheduler", "none", "--searcher", "random"),
            *("--max-concurrent", str(SLOTS), "--no-dashboard", *asked),
            *([] if address is None else ["--address", address]),
        ]
        start_s = time.monotonic()
        first_s = None
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | SHELL
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            for line in process.stdout:
                if first_s is None and json.loads(line)["event"] == "trial_started":
                    first_s = time.monotonic() - start_s
            said = process.stderr.read()
        if process.returncode != 0 or first_s is None:
            raise RuntimeError(said)
        return Times(first_s, time.monotonic() - start_s)


@contextmanager
def cluster(nodes: Sequence[int]) -> Iterator[str]:
    """Yield the address of a cluster of raylets with these slots."""
    from ray.cluster_utils import Cluster

    os.environ.update(SHELL)
    Path("/tmp/ray").mkdir(exist_ok=True)  # where it notes its address, and expects it
    head = Cluster(initialize_head=True, head_node_args={"num_cpus": 0}, shutdown_at_exit=True)
    try:
        for num_slots in nodes:
            head.add_node(num_cpus=num_slots, memory=num_slots * NODE_BYTES)
        yield head.address
    finally:
        head.shutdown()


if __name__ == "__main__":
    raise SystemExit(main())
