"""The optimiser without torch's compiler is torch's optimiser."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from models.training.adamw import EagerAdamW

pytestmark = pytest.mark.slow


def trained(optimizer_class, steps, state=None):
    """Parameters and optimiser state after steps with gradients of a fixed seed."""
    torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    groups = [{"params": [layer.weight], "weight_decay": 0.1}, {"params": [layer.bias]}]
    optimizer = optimizer_class(groups, lr=0.01, fused=True)
    if state is not None:
        optimizer.load_state_dict(state)
    for _ in range(steps):
        optimizer.zero_grad()
        layer(torch.randn(5, 4)).square().sum().backward()
        optimizer.step()
    return list(layer.parameters()), optimizer.state_dict()


def test_parameters_and_state_are_bitwise_those_of_torchs_adamw():
    (ours, our_state), (theirs, their_state) = trained(EagerAdamW, 5), trained(torch.optim.AdamW, 5)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    torch.testing.assert_close(our_state, their_state, rtol=0, atol=0)


def test_state_of_the_one_goes_on_in_the_other():
    _, state = trained(torch.optim.AdamW, 3)
    _, ours = trained(EagerAdamW, 2, state)
    _, theirs = trained(torch.optim.AdamW, 2, state)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_a_step_leaves_no_graph():
    layer = nn.Linear(2, 1)
    optimizer = EagerAdamW(layer.parameters(), lr=0.01, fused=True)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert layer.weight.is_leaf
    assert layer.weight.grad_fn is None


def test_neither_training_nor_predicting_nor_counting_imports_torchs_compiler():
    # It takes a second, in every worker and every command.
    code = """
import sys
from dataclasses import replace
from models.footprint import predict_footprint
from models.training.probe import NoiseBatches
from models.registry import ARCHITECTURES, ModelConfig
from models.training import TrainConfig, TrainingSession, train_epochs
from models.training.linear_start import ANY_START
from models.footprint.weightless import build_weightless

plain = [ModelConfig(arch, ratio=16, base_channels=8, dropout=0.1) for arch in ARCHITECTURES]
for model in [*plain, *(replace(p, linear_path=True, rate="bytes") for p in plain)]:
    build_weightless(model)
    for precision in ("fp32", "bf16"):
        predict_footprint(model, 32, 2, precision, images_per_step=4)
    session = TrainingSession(
        model, TrainConfig(epochs=1, warmup_epochs=0, precision="fp32"), NoiseBatches(32, 2),
        NoiseBatches(32, 2), start=ANY_START,
    )
    list(train_epochs(session))
    session.load_state_dict(session.state_dict())
sys.exit(bool({"torch._dynamo", "torch.fx.experimental.symbolic_shapes"} & sys.modules.keys()))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
