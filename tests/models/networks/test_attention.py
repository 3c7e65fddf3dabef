"""The identity path of the residual and attention architectures, from stem to head."""

import pytest
import torch

from models.networks.attention import Attention
from models.networks.gate import Gate
from models.networks.residual import PreActivationBlock, Residual

both = pytest.mark.parametrize("architecture", [Residual, Attention])


def spread_through_depth(model, x):
    """Standard deviations of every block's output, and of the loss's gradient in it."""
    activations, gradients = [], []

    def record(_module, _inputs, output):
        activations.append(output.std().item())
        output.register_hook(lambda gradient: gradients.insert(0, gradient.std().item()))

    for module in model.modules():
        if isinstance(module, PreActivationBlock):
            module.register_forward_hook(record)
    (model(x)[0] - x).square().mean().backward()
    return activations, gradients


@both
@pytest.mark.parametrize("seed", [0, 1])
def test_activations_neither_shrink_nor_grow_through_sixteen_blocks(architecture, seed):
    torch.manual_seed(seed)
    activations, _ = spread_through_depth(architecture(16, 16), torch.rand(8, 1, 64, 64))
    assert len(activations) == 16
    assert max(activations) < 3 * min(activations)


@both
def test_no_block_loses_the_gradient(architecture):
    """It may only gather, from many pixels into few: the first block has no less than the last."""
    torch.manual_seed(0)
    _, gradients = spread_through_depth(architecture(16, 16), torch.rand(8, 1, 64, 64))
    assert min(gradients) == pytest.approx(gradients[-1], rel=0.5)


def test_closed_gates_leave_the_identity():
    torch.manual_seed(0)
    gate = Gate(8)
    block, x = PreActivationBlock(8, 8, 1, gate).eval(), torch.randn(2, 8, 16, 16)
    gate.register_forward_hook(lambda _module, _inputs, output: torch.zeros_like(output))
    assert torch.equal(block(x), x)


def test_gates_start_near_a_half_each():
    torch.manual_seed(0)
    model, shares = Attention(16, 16), []

    def record(_module, inputs, output):
        shares.append((output / inputs[0]).median().item())

    for module in model.modules():
        if isinstance(module, Gate):
            module.register_forward_hook(record)
    model(torch.rand(4, 1, 64, 64))
    assert shares == pytest.approx([0.25] * 16, abs=0.05)
