import sys

import pytest
import torch

from models.memory import PeakMemory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux resets the peak of a process")
def test_peak_sees_memory_that_was_freed_again_and_not_an_earlier_peak():
    earlier = torch.ones(100 * 2**20 // 4)
    del earlier
    memory = PeakMemory(torch.device("cpu"))
    assert memory.method == "rss_peak"
    start_mib = memory.read_mib()
    block = torch.ones(50 * 2**20 // 4)
    del block
    assert 45 < memory.read_mib() - start_mib < 60


def test_a_system_without_a_peak_says_so_and_gives_what_is_resident(monkeypatch):
    monkeypatch.setattr("models.memory._reset_resident_peak", lambda: False)
    memory = PeakMemory(torch.device("cpu"))
    assert memory.method == "rss_now"
    assert memory.read_mib() > 10
