"""The peak memory of a trial: of the device where it counts itself, else of the process."""

import ctypes
from pathlib import Path

import psutil
import torch

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Measures from its construction on.

    Attributes:
        method: "cuda_peak" (allocated by torch on the device), "rss_growth" (by how much the
            largest resident set of this process exceeds the one at construction, which has the
            interpreter and libraries in it), or "rss_growth_now" where the system keeps no peak
            that can be reset: the growth up to the moment of asking.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._baseline_mib = 0.0
        if device.type == "cuda":
            self.method = "cuda_peak"
            torch.cuda.reset_peak_memory_stats(device)
        else:
            _return_freed_memory()
            self.method = "rss_growth" if _reset_resident_peak() else "rss_growth_now"
            self._baseline_mib = _resident_mib()

    def read_mib(self) -> float:
        """Return the peak so far, in MiB."""
        if self.method == "cuda_peak":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        now_mib = _resident_peak_mib() if self.method == "rss_growth" else _resident_mib()
        return max(0.0, now_mib - self._baseline_mib)


def _return_freed_memory() -> None:
    """Gives what glibc keeps of freed memory back to the system, where there is glibc.

    Without it, a second trial in the same process seems to take nothing: it moves into the
    memory of the first.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _reset_resident_peak() -> bool:
    """Linux counts the peak anew after this; False elsewhere, or where a sandbox forbids it."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _resident_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def _resident_peak_mib() -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{_STATUS} has no VmHWM line: this kernel keeps no peak of resident memory")
