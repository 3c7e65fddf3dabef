"""docs/ADDING_AN_ARCHITECTURE.md tells the truth: the file and the line it shows work."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from models import registry
from models.networks.autoencoder import Autoencoder
from models.registry import ModelConfig, build_model

GUIDE = Path(__file__).parents[2] / "docs" / "ADDING_AN_ARCHITECTURE.md"


@pytest.fixture
def plain(monkeypatch):
    """The guide's example, registered by the guide's line for the length of a test."""
    source, line = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), flags=re.DOTALL)
    module = ModuleType("models.networks.plain")
    exec(source, vars(module))
    monkeypatch.setitem(sys.modules, "models.networks.plain", module)
    architecture = eval(line, vars(registry))
    monkeypatch.setitem(registry.ARCHITECTURES, architecture.name, architecture)
    return ModelConfig("plain", ratio=16, base_channels=8, dropout=0.1)


def test_the_example_is_built_by_its_name(plain):
    assert isinstance(build_model(plain, seed=0), Autoencoder)


def test_the_example_keeps_shape_ratio_and_range(plain):
    x = torch.rand(2, 1, 32, 48)
    x_hat, latent = build_model(plain, seed=0)(x)
    assert x_hat.shape == x.shape
    assert latent.numel() * plain.ratio == x.numel()
    assert 0 <= x_hat.min() <= x_hat.max() <= 1


@pytest.mark.slow
def test_the_example_learns(plain):
    torch.manual_seed(0)
    x = torch.rand(2, 1, 2, 2).repeat_interleave(16, dim=2).repeat_interleave(16, dim=3)
    model = build_model(plain, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = (model(x)[0] - x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
