"""The gate with its gradient written out equals the gate composed of torch's operations."""

import pytest
import torch
import torch.nn.functional as F

from models.networks.gate import Gate, sum_at_channels, sum_masked

both_layouts = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])


def composed(gate, x):
    mean, peak = x.mean(dim=(2, 3), keepdim=True), F.adaptive_max_pool2d(x, 1)
    x = x * torch.sigmoid(gate.excite(mean) + gate.excite(peak))
    summary = torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1)
    return x * torch.sigmoid(gate.locate(summary))


def values_and_gradients(function, gate, x, weights):
    out = function(x)
    return out, *torch.autograd.grad((out * weights).sum(), [x, *gate.parameters()])


@both_layouts
@pytest.mark.parametrize("num_channels", [1, 2, 16, 33])
def test_value_and_gradients_are_those_of_the_composed_gate(num_channels, layout):
    torch.manual_seed(0)
    gate = Gate(num_channels).double()
    shape = (3, num_channels, 6, 10)
    x = torch.randn(shape, dtype=torch.double).to(memory_format=layout).requires_grad_()
    weights = torch.randn(shape, dtype=torch.double)
    found = values_and_gradients(gate, gate, x, weights)
    expected = values_and_gradients(lambda x: composed(gate, x), gate, x, weights)
    torch.testing.assert_close(found, expected)


@both_layouts
def test_autocast_keeps_the_image_in_bf16_and_the_weights_in_fp32(layout):
    torch.manual_seed(0)
    gate, x = Gate(16), torch.randn(2, 16, 16, 16).to(memory_format=layout)
    weights = torch.randn_like(x)
    exact = values_and_gradients(gate, gate, x.clone().requires_grad_(), weights)
    with torch.autocast("cpu", torch.bfloat16):
        half = x.bfloat16().requires_grad_()
        found = values_and_gradients(gate, gate, half, weights)
    assert [t.dtype for t in found] == [torch.bfloat16] * 2 + [torch.float32] * 3
    for ours, expected in zip(found, exact, strict=True):
        # bf16 has 8 bits; sums over thousands of products keep about six of them.
        assert (ours.float() - expected).norm() < 0.02 * expected.norm()


@both_layouts
def test_output_and_gradient_keep_the_memory_layout(layout):
    x = torch.randn(2, 8, 6, 10).to(memory_format=layout).requires_grad_()
    out = Gate(8)(x)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert out.is_contiguous(memory_format=layout)
    assert gradient.is_contiguous(memory_format=layout)


def test_a_gradient_in_the_other_layout_changes_nothing():
    gate = Gate(8).double()
    x = torch.randn(2, 8, 6, 10, dtype=torch.double).requires_grad_()
    weights = torch.randn(2, 8, 6, 10, dtype=torch.double)
    (expected,) = torch.autograd.grad(gate(x), x, weights)
    (found,) = torch.autograd.grad(gate(x), x, weights.to(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected)


def test_of_equal_maxima_the_first_gets_the_gradient():
    # All channels and places are equal; only the maxima tell one from another.
    gate = Gate(2).double()
    x = torch.ones(1, 2, 4, 4, dtype=torch.double).requires_grad_()
    with torch.no_grad():
        gate.locate.weight.zero_()
        for convolution in (gate.excite[0], gate.excite[2]):
            convolution.weight.fill_(1.0)
    (gradient,) = torch.autograd.grad(gate(x).sum(), x)
    flat = gradient.flatten()
    others = torch.cat([flat[1:16], flat[17:]])
    assert (others == others[0]).all()
    assert flat[0] == flat[16] > others[0]


@pytest.mark.parametrize("num_channels", [4, 16, 64])
def test_gates_only_weaken(num_channels):
    x = torch.randn(2, num_channels, 16, 16)
    gated = Gate(num_channels)(x)
    assert (gated * x >= 0).all()
    assert (gated.abs() <= x.abs()).all()


def test_sums_over_masked_places_are_those_of_a_scatter():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(3, 50, dtype=torch.float64, generator=generator)
    channels = torch.randint(0, 4, (3, 50), generator=generator)  # channel 4 is nowhere
    torch.testing.assert_close(
        sum_masked(values, channels, 5), sum_at_channels(values, channels, 5)
    )


@both_layouts
def test_a_gate_that_must_repeat_itself_has_the_same_gradient_and_leaves_the_mode(layout):
    gate, x = Gate(8), torch.randn(2, 8, 6, 5).to(memory_format=layout).requires_grad_()
    weights = torch.randn(2, 8, 6, 5)
    (expected,) = torch.autograd.grad(gate(x), x, weights)
    torch._C._set_deterministic_algorithms(True, warn_only=True)
    try:
        (found,) = torch.autograd.grad(gate(x), x, weights)
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch._C._set_deterministic_algorithms(False)
    assert torch.equal(found, expected)
