"""The peak memory of a trial: of the device where it counts itself, else of the process."""

from pathlib import Path

import psutil
import torch

_CLEAR_REFS = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


class PeakMemory:
    """Measures from its construction on.

    Attributes:
        method: "cuda_peak" (allocated by torch on the device), "rss_peak" (largest resident set of
            this process, the interpreter and libraries included), or "rss_now" where the system
            keeps no peak that can be reset: the resident set when asked.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            self.method = "cuda_peak"
            torch.cuda.reset_peak_memory_stats(device)
        else:
            self.method = "rss_peak" if _reset_resident_peak() else "rss_now"

    def read_mib(self) -> float:
        """The peak so far, in MiB."""
        if self.method == "cuda_peak":
            return torch.cuda.max_memory_allocated(self._device) / 2**20
        if self.method == "rss_peak":
            return _resident_peak_mib()
        return float(psutil.Process().memory_info().rss) / 2**20


def _reset_resident_peak() -> bool:
    """Linux counts the peak anew after this; False elsewhere, or where a sandbox forbids it."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _resident_peak_mib() -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"{_STATUS} has no VmHWM line: this kernel keeps no peak of resident memory")
