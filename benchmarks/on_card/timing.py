"""How long work takes on a card, which computes after the call has returned."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

MIN_CALLS = 3


@dataclass(frozen=True)
class Timing:
    """Seconds of one call.

    Attributes:
        call_s: Until its work was done, the mean over calls in a row.
        launch_s: Until a single call returned that found the device idle, the median.
    """

    call_s: float
    launch_s: float

    @property
    def is_launch_bound(self) -> bool:
        """Whether the card waits for the host: launching takes nine tenths of the time or more."""
        return self.launch_s >= 0.9 * self.call_s


def synchronise(device: str) -> None:
    """Wait until a device has done all that was asked of it."""
    if device == "cuda":
        torch.cuda.synchronize()


def time_calls(call: Callable[[], object], device: str, budget_s: float) -> Timing:
    """Return the time of a call, warmed up by one, over as many calls as a budget holds."""
    call()
    synchronise(device)
    started_s = time.perf_counter()
    call()
    synchronise(device)
    one_s = time.perf_counter() - started_s
    num_calls = max(MIN_CALLS, int(budget_s / max(one_s, 1e-6)))
    started_s = time.perf_counter()
    for _ in range(num_calls):
        call()
    synchronise(device)
    call_s = (time.perf_counter() - started_s) / num_calls
    return Timing(call_s, statistics.median(_launch_s(call, device) for _ in range(MIN_CALLS)))


def _launch_s(call: Callable[[], object], device: str) -> float:
    """Return how long a call takes to return; many in a row would wait for a full queue."""
    synchronise(device)
    started_s = time.perf_counter()
    call()
    return time.perf_counter() - started_s
