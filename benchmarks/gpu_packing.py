"""Trials per hour with several trials on one real card, and predicted against measured memory.

`python -m benchmarks.gpu_packing` trains with the search's own command, per architecture at base
channels 16 and 32, with 1, 2, 4 and 8 trials side by side, without and with NVIDIA MPS. Every trial
reserves an equal share (`--gpus-per-trial`), so that what is compared is sharing alone. Without a
CUDA card it says so and exits 0.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

from data.synthetic import ensure_synthetic_corpus
from models.registry import ARCHITECTURES
from tune.tables.files import read_table

SIDE_BY_SIDE = (1, 2, 4, 8)


def main(argv: Sequence[str] | None = None) -> int:
    """Print one row per architecture, width, number side by side and service."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_packing")
    parser.add_argument("--arch", nargs="*", default=list(ARCHITECTURES))
    parser.add_argument("--base-channels", nargs="*", type=int, default=[16, 32])
    parser.add_argument("--side-by-side", nargs="*", type=int, default=SIDE_BY_SIDE)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--data", default=None, help="corpus; the synthetic one without")
    arguments = parser.parse_args(argv)
    if not torch.cuda.is_available():
        print("no CUDA card here: nothing was measured")
        return 0
    data = arguments.data or str(ensure_synthetic_corpus())
    print(
        "| architecture | base channels | side by side | MPS | trials per hour | "
        "against one at a time | predicted MiB | measured MiB | outcomes |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for arch in arguments.arch:
        for base_channels in arguments.base_channels:
            alone = None
            for side_by_side in arguments.side_by_side:
                for mps in (False, True) if side_by_side > 1 else (False,):
                    trials = search(arch, base_channels, side_by_side, mps, arguments.epochs, data)
                    rate = trials_per_hour(trials)
                    alone = alone or rate
                    print(row(trials, side_by_side, mps, rate, rate / alone), flush=True)
    return 0


def search(
    arch: str, base_channels: int, side_by_side: int, mps: bool, epochs: int, data: str
) -> pd.DataFrame:
    """Run two rounds of equal trials and return their table."""
    with tempfile.TemporaryDirectory() as results:
        command = [
            sys.executable, "-m", "tune.search", "--arch", arch, "--ratio", "16", "--data", data,
            "--results", results, "--device", "cuda", "--no-dashboard", "--quiet",
            "--tune", "learning_rate", "--searcher", "random", "--scheduler", "none",
            "--base-channels", str(base_channels), "--epochs", str(epochs), "--warmup-epochs", "0",
            "--data-fraction", "1", "--trials", str(2 * side_by_side),
            "--max-concurrent", str(side_by_side), "--gpus-per-trial", str(1 / side_by_side),
            *(["--mps"] if mps else []),
        ]  # fmt: skip
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        return read_table(Path(results), "trials")


def trials_per_hour(trials: pd.DataFrame) -> float:
    """Return the rate from the first start to the last end: Ray's own start is not in it."""
    span_s = (trials["ended_at"].max() - trials["started_at"].min()).total_seconds()
    return 3600 * len(trials) / span_s


def row(trials: pd.DataFrame, side_by_side: int, mps: bool, rate: float, gain: float) -> str:
    first = trials.iloc[0]
    outcomes = ", ".join(f"{n} {name}" for name, n in trials["outcome"].value_counts().items())
    return (
        f"| {first['arch']} | {first['base_channels']} | {side_by_side} | {'yes' if mps else 'no'} "
        f"| {rate:.0f} | {gain:.2f}x | {trials['predicted_peak_mib'].max():.0f} | "
        f"{trials['measured_peak_mib'].max():.0f} | {outcomes} |"
    )


if __name__ == "__main__":
    raise SystemExit(main())
