import mmap
import sys

import pytest
import torch

from models.training.peak_memory import PeakMemory


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux resets the peak of a process")
def test_peak_sees_memory_that_was_freed_again_and_not_an_earlier_peak():
    earlier = torch.ones(100 * 2**20 // 4)
    del earlier
    memory = PeakMemory(torch.device("cpu"))
    assert memory.method == "rss_growth"
    block = torch.ones(50 * 2**20 // 4)
    del block
    assert 45 < memory.read_mib() < 60


def test_a_system_without_a_peak_says_so_and_gives_the_growth_until_now(monkeypatch):
    monkeypatch.setattr("models.training.peak_memory._reset_resident_peak", lambda: False)
    memory = PeakMemory(torch.device("cpu"))
    assert memory.method == "rss_growth_now"
    with mmap.mmap(-1, 50 * 2**20) as block:  # goes back to the system whatever malloc was told
        for _ in range(50):
            block.write(bytes(2**20))
        assert 45 < memory.read_mib() < 60
    assert memory.read_mib() < 10
