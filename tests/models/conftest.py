"""What the tests of models share."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """The models of tests are too small for two threads, which would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def zero_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are built with weights of 0: what only shapes decide need not wait for random ones."""

    def fill(tensor: Tensor, *_: float, **__: float) -> Tensor:
        return nn.init.zeros_(tensor)

    monkeypatch.setattr(nn.init, "normal_", fill)
    monkeypatch.setattr(nn.init, "kaiming_uniform_", fill)
