"""Stage 1: which card, which software, and the two rates that bound every training."""

import subprocess
from collections.abc import Iterator

import torch

from benchmarks.on_card.context import Context
from benchmarks.on_card.rows import Row
from benchmarks.on_card.timing import time_calls
from tune.card.device import MIB, SMI, measure_card
from tune.config.machine import available_cores

MATRIX = {"cuda": 8192, "cpu": 256}
"""Side of the square matrices whose product is timed."""

COPY_MIB = {"cuda": 2048, "cpu": 16}


def measure(context: Context) -> Iterator[Row]:
    """Yield the card, then what it copies and multiplies in a second."""
    card = measure_card(context.device)
    yield Row(
        "The machine",
        {
            "card": card.name,
            "total MiB": card.total_mib,
            "free MiB": card.free_mib,
            "driver": _driver() if context.device == "cuda" else None,
            "CUDA": torch.version.cuda,
            "cuDNN": torch.backends.cudnn.version(),
            "cores": available_cores(),
        },
    )
    budget_s = context.budget_s(0.05)
    yield _rate("copy, read and written", copy_gb_per_s(context.device, budget_s), "GB/s")
    yield _rate("bf16 product", matrix_tflops(context.device, budget_s), "TFLOP/s")


def _rate(of: str, rate: float, unit: str) -> Row:
    return Row("Its rates", {"of": of, "rate": rate, "unit": unit})


def copy_gb_per_s(device: str, budget_s: float) -> float:
    """Return what a device copies within its own memory, bytes read and written counted."""
    source = torch.zeros(COPY_MIB[device] * MIB, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    timing = time_calls(lambda: target.copy_(source), device, budget_s)
    return 2 * source.numel() / timing.call_s / 1e9


def matrix_tflops(device: str, budget_s: float) -> float:
    """Return the rate of a bf16 product of square matrices of noise."""
    side = MATRIX[device]
    left, right = torch.randn(2, side, side, device=device).bfloat16()
    timing = time_calls(lambda: left @ right, device, budget_s)
    return 2 * side**3 / timing.call_s / 1e12


def _driver() -> str:
    command = [SMI, "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
