"""What an exception says about a trial: its outcome and the reason in one line."""

import torch

from models.training import NonFiniteError
from tune.outcomes import Outcome

ALLOCATION_FAILURES = ("DefaultCPUAllocator: can't allocate memory", "_STATUS_ALLOC_FAILED")
"""What torch's plain RuntimeErrors say when the CPU's memory, or a CUDA library's, runs out."""


def crash_outcome(error: Exception) -> Outcome:
    """Return how a trial ended that raised an exception.

    >>> crash_outcome(MemoryError("no more"))
    <Outcome.OUT_OF_MEMORY: 'out_of_memory'>
    """
    if isinstance(error, NonFiniteError):
        return Outcome.DIVERGED
    return Outcome.OUT_OF_MEMORY if _is_out_of_memory(error) else Outcome.FAILED


def crash_reason(error: Exception) -> str:
    """Return the first line of an exception's words after the name of its class."""
    words = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, NonFiniteError):
        return words
    name = type(error).__name__
    return f"{name}: {words}" if words else name


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error) for words in ALLOCATION_FAILURES
    )
