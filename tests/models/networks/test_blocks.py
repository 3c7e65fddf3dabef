"""The shared layers equal what they stand for."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.networks.blocks import (
    PointwiseDown,
    PointwiseUp,
    double_side,
    initialise_convolution,
    insert_zeros,
    upsample,
)

pytestmark = pytest.mark.slow

both_layouts = pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])


@pytest.mark.parametrize("bias", [False, True])
def test_1x1_convolution_and_doubling_commute(bias):
    conv, x = nn.Conv2d(6, 5, 1, bias=bias).double(), torch.randn(2, 6, 7, 4).double()
    torch.testing.assert_close(upsample(conv(x)), conv(upsample(x)))


@pytest.mark.parametrize("stride", [1, 2])
def test_pointwise_down_is_the_strided_convolution(stride):
    down, x = PointwiseDown(6, 5, stride), torch.randn(2, 6, 8, 12)
    expected = F.conv2d(x, down.conv.weight, stride=stride)
    torch.testing.assert_close(down(x), expected)


@both_layouts
def test_the_gradient_of_pointwise_down_keeps_the_memory_layout(layout):
    x = torch.randn(2, 6, 8, 12).to(memory_format=layout).requires_grad_()
    down = PointwiseDown(6, 5, stride=2).to(memory_format=layout)
    (gradient,) = torch.autograd.grad(down(x).sum(), x)
    assert gradient.is_contiguous(memory_format=layout)


@both_layouts
def test_pointwise_up_is_the_transposed_convolution(layout):
    up, x = PointwiseUp(6, 5), torch.randn(2, 6, 4, 3).to(memory_format=layout)
    weight = up.conv.weight.transpose(0, 1)
    expected = F.conv_transpose2d(x, weight, stride=2, output_padding=1)
    torch.testing.assert_close(up(x), expected)


@both_layouts
def test_inserting_zeros_keeps_the_memory_layout(layout):
    x = torch.randn(2, 6, 4, 3).to(memory_format=layout)
    assert insert_zeros(x).is_contiguous(memory_format=layout)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(64, 64, 3, padding=1),
        nn.Conv2d(64, 64, 5, stride=2, padding=2),
        nn.ConvTranspose2d(64, 64, 5, stride=2, padding=2, output_padding=1),
        nn.ConvTranspose2d(64, 64, 3, stride=2, padding=1, output_padding=1),
    ],
    ids=str,
)
def test_he_gain_keeps_the_variance_of_a_rectified_input(conv):
    torch.manual_seed(0)
    initialise_convolution(conv, gain=2**0.5)
    out = conv(torch.randn(8, 64, 32, 32).relu())[:, :, 4:-4, 4:-4]
    assert out.square().mean().item() == pytest.approx(1, rel=0.15)


def test_narrow_models_train_in_channels_last():
    """In a child: strided 1x1 convolutions of 8 channels kill the process."""
    code = """
import torch
from models.registry import ARCHITECTURES, ModelConfig, build_model
torch.set_num_threads(1)
layout = torch.channels_last
for arch in ARCHITECTURES:
    for base_channels, ratio in ((4, 64), (8, 16)):
        model = build_model(ModelConfig(arch, ratio, base_channels), seed=0)
        model = model.to(memory_format=layout)
        x = torch.rand(4, 1, 32, 32).to(memory_format=layout)
        model(x)[0].sum().backward()
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@both_layouts
@pytest.mark.parametrize("shape", [(2, 3, 4, 6), (1, 1, 1, 1), (1, 2, 1, 5)])
def test_doubling_in_a_fixed_order_is_bilinear_doubling_and_so_is_its_gradient(layout, shape):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(shape, dtype=torch.float64, generator=generator).to(memory_format=layout)
    x.requires_grad_()
    expected = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    found = double_side(double_side(x, 2), 3)
    weights = torch.randn(expected.shape, dtype=torch.float64, generator=generator)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        torch.autograd.grad(found, x, weights), torch.autograd.grad(expected, x, weights)
    )
