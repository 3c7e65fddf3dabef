"""What a search picks when nothing is said: one profile for a CPU, one for a CUDA card.

Each pick comes with its reason, which is printed and stored. A configuration file and flags go
before a profile; values that do not depend on the machine are the defaults of `tune.config.search`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.registry import ARCHITECTURES
from tune.config.machine import Machine
from tune.space.dimension import format_values

CPU_WIDTHS = (8, 12, 16)
CUDA_WIDTHS = (16, 32, 48, 64)
MAX_CPU_WORKERS = 8
MAX_CUDA_WORKERS = 8


@dataclass(frozen=True)
class Pick:
    """A value that a profile chose.

    Attributes:
        value: The value, as a configuration file would write it.
        reason: Why, in words that end a sentence.
    """

    value: Any
    reason: str


def choose_profile(machine: Machine, arch: str) -> Mapping[str, Pick]:
    """Return what is picked for an architecture on a machine, by the name of the setting.

    >>> choose_profile(Machine("cpu", 2), "baseline")["crop_px"].value
    64
    """
    return _cpu_profile(machine) if machine.device == "cpu" else _cuda_profile(machine, arch)


def _cpu_profile(machine: Machine) -> Mapping[str, Pick]:
    workers = min(machine.num_cores, MAX_CPU_WORKERS)
    return {
        "trials": Pick(10, "the search of any architecture ends within 4 minutes on two cores"),
        "epochs": Pick(6, "about 190 steps from the block KLT: enough to be above JPEG2000"),
        "data_fraction": Pick(
            0.015, "the search compares configurations; it need not finish training them"
        ),
        "batch_size": Pick(8, "small batches make more steps of the little that a CPU can see"),
        "crop_px": Pick(64, "a 64 px crop trains 20 to 30 times faster on a CPU than 256 px"),
        "val_images": Pick(64, "scoring 64 images costs little beside an epoch"),
        "base_channels": Pick(max(CPU_WIDTHS), "the widest network that the CPU profile searches"),
        "range": Pick(
            (f"base_channels={format_values(CPU_WIDTHS)}",), "widths that a CPU can train"
        ),
        "max_concurrent": Pick(
            workers,
            f"one single-threaded worker for each of {machine.num_cores} cores, "
            f"{MAX_CPU_WORKERS} at most so that suggestions can learn from ended trials",
        ),
    }


def _cuda_profile(machine: Machine, arch: str) -> Mapping[str, Pick]:
    usual = ARCHITECTURES[arch].usual_base_channels
    return {
        "trials": Pick(40, "a few at random, then as many again to follow what they show"),
        "epochs": Pick(
            20, "learning curves rank late: one that ended best stood still up to epoch 9"
        ),
        "data_fraction": Pick(0.05, "a twentieth of the training patches ranks configurations"),
        "batch_size": Pick(16, "the batch size that the networks were hand-set with"),
        "crop_px": Pick("patch", "trials train on whole patches, as promoted runs will"),
        "val_images": Pick("all", "every validation patch counts"),
        "base_channels": Pick(usual, f"the width that {arch} was hand-set to"),
        "range": Pick(
            (f"base_channels={format_values(CUDA_WIDTHS)}",),
            "widths that 8 GB are expected to hold in bf16",
        ),
        "max_concurrent": Pick(
            min(machine.num_cores, MAX_CUDA_WORKERS),
            "as many as their predicted memory lets side by side, one for each core at most",
        ),
    }
