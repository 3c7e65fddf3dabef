"""What a configuration may know of the machine: where it trains and with how many cores."""

import os
from dataclasses import dataclass
from typing import Literal

from tune.config.cgroups import num_cores_allowed
from tune.errors import UsageError

Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Machine:
    """What a profile needs to know about the machine.

    Attributes:
        device: Where trials train.
        num_cores: CPU cores that this process may use.
    """

    device: Device
    num_cores: int


def detect_machine(device: str = "auto") -> Machine:
    """Return this machine; "auto" takes the CUDA card when there is one.

    Raises:
        UsageError: If "cuda" is asked for and there is no card, or the device is unknown.
    """
    if device not in {"auto", "cpu", "cuda"}:
        raise UsageError(f"--device takes auto, cpu or cuda, found {device!r}: choose one of these")
    has_card = device != "cpu" and _has_cuda()
    if device == "cuda" and not has_card:
        raise UsageError(
            "--device cuda needs a CUDA card that torch can use, found none: "
            "use --device cpu, or install the CUDA build of torch"
        )
    return Machine("cuda" if has_card else "cpu", available_cores())


def available_cores() -> int:
    """Return how many CPU cores this process may use, which may be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    allowed = num_cores_allowed()
    return cores if allowed is None else max(1, min(cores, round(allowed)))


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()
