"""What an exception says about a trial: its outcome and the reason in one line."""

import re
import resource

import psutil
import torch

from models.training.epoch_result import NonFiniteError
from tune.outcomes import Outcome

ALLOCATION_FAILURES = ("DefaultCPUAllocator: can't allocate memory", "_STATUS_ALLOC_FAILED")
"""What torch's plain RuntimeErrors say when the CPU's memory, or a CUDA library's, runs out."""


CARD_IS_FULL = "out of the card's memory"
"""How the reason begins where torch's own allocator refused, at its worker's cap or before."""


def crash_outcome(error: Exception) -> Outcome:
    """Return how a trial ended that raised an exception.

    >>> crash_outcome(MemoryError("no more"))
    <Outcome.OUT_OF_MEMORY: 'out_of_memory'>
    """
    if isinstance(error, NonFiniteError):
        return Outcome.DIVERGED
    return Outcome.OUT_OF_MEMORY if _is_out_of_memory(error) else Outcome.FAILED


def crash_reason(error: Exception) -> str:
    """Return why a trial crashed, in one line: what it asked for and had, or the first words."""
    words = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, NonFiniteError):
        return words
    if _is_out_of_memory(error) and (asked_mib := _asked_mib(str(error))) is not None:
        what = CARD_IS_FULL if isinstance(error, torch.OutOfMemoryError) else "out of memory"
        return f"{what}: asked for {asked_mib:.0f} MiB, had {_had_mib(str(error)):.0f} MiB"
    name = type(error).__name__
    return f"{name}: {words}" if words else name


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ALLOCATION_FAILURES
    )


_UNITS_MIB = {"bytes": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10}


def _asked_mib(words: str) -> float | None:
    """Return how much an allocator says it was asked for; None where it does not say."""
    found = re.search(r"tried to allocate ([\d.]+) (bytes|KiB|MiB|GiB)", words, re.IGNORECASE)
    return None if found is None else float(found[1]) * _UNITS_MIB[found[2]]


def _had_mib(words: str) -> float:
    """Return how much was free: as the device's allocator says, else what the system would give."""
    found = re.search(r"of which ([\d.]+) (bytes|KiB|MiB|GiB) is free", words)
    if found is not None:
        return float(found[1]) * _UNITS_MIB[found[2]]
    free_bytes: int = psutil.virtual_memory().available
    limit_bytes, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit_bytes != resource.RLIM_INFINITY:
        free_bytes = min(free_bytes, max(0, limit_bytes - psutil.Process().memory_info().vms))
    return free_bytes / 2**20
