"""The registry: light to import, strict about configurations, deterministic by seed."""

import re
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ModelError
from models.registry import ARCHITECTURES, RATES, ModelConfig, build_model
from models.shapes import RATIOS


def test_importing_the_registry_leaves_torch_out():
    code = "import sys, models.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_architectures_are_known_under_their_names():
    assert list(ARCHITECTURES) == ["baseline", "resnet", "residual", "attention", "linear"]
    assert all(name == architecture.name for name, architecture in ARCHITECTURES.items())


@pytest.mark.parametrize(
    ("ratio", "latent_channels"), [(4, 64), (8, 32), (16, 16), (32, 8), (64, 4)]
)
def test_latent_channels_are_256_over_ratio(ratio, latent_channels):
    assert ModelConfig("baseline", ratio, 16).latent_channels == latent_channels


@given(ratio=st.integers(-10, 600))
def test_ratio_is_legal_when_it_divides_256(ratio):
    if ratio > 0 and 256 % ratio == 0:
        assert ModelConfig("baseline", ratio, 16).latent_channels * ratio == 256
    else:
        with pytest.raises(ModelError, match=rf"divisor of 256.*found {ratio}: choose one of"):
            ModelConfig("baseline", ratio, 16)


def test_compared_ratios_are_legal():
    assert [ModelConfig("resnet", ratio, 8).ratio for ratio in RATIOS] == list(RATIOS)


@pytest.mark.parametrize("ratio", [16.0, "16", True, None])
def test_ratio_that_is_no_whole_number_is_refused(ratio):
    with pytest.raises(ModelError, match="divisor of 256"):
        ModelConfig("baseline", ratio, 16)


def test_unknown_architecture_is_refused_with_the_known_ones():
    known = "baseline, resnet, residual, attention, linear"
    with pytest.raises(ModelError, match=f"arch must be one of {known}, found 'unet': choose one"):
        ModelConfig("unet", 16, 16)


@pytest.mark.parametrize("base_channels", [0, -8, 16.0, True])
def test_impossible_width_is_refused(base_channels):
    with pytest.raises(ModelError, match=r"whole number above 0, found .*: try 64"):
        ModelConfig("baseline", 16, base_channels)


@pytest.mark.parametrize("dropout", [-0.1, 1.0, float("nan")])
def test_impossible_dropout_is_refused(dropout):
    with pytest.raises(ModelError, match="at least 0 and below 1"):
        ModelConfig("baseline", 16, 16, dropout)


@given(ratio=st.sampled_from(RATIOS), latent_channels=st.integers(1, 256))
def test_elements_allow_256_over_ratio_channels_and_no_other_number(ratio, latent_channels):
    if latent_channels * ratio == 256:
        config = ModelConfig("resnet", ratio, 8, latent_channels=latent_channels)
        assert config == ModelConfig("resnet", ratio, 8)
    else:
        rule = f"must be 256 / ratio = {256 // ratio} .*found {latent_channels}: leave it out"
        with pytest.raises(ModelError, match=rule):
            ModelConfig("resnet", ratio, 8, latent_channels=latent_channels)


@given(ratio=st.sampled_from(RATIOS), latent_channels=st.integers(1, 256))
def test_bytes_allow_as_many_channels_as_eight_bits_an_element_ask_for(ratio, latent_channels):
    if latent_channels * ratio >= 256:
        config = ModelConfig("linear", ratio, 1, latent_channels=latent_channels, rate="bytes")
        assert config.latent_channels == latent_channels
    else:
        reach = re.escape(f"{latent_channels / 32:g}")
        rule = rf"{latent_channels} latent channels reach rates up to {reach} bit per pixel"
        with pytest.raises(ModelError, match=rule):
            ModelConfig("linear", ratio, 1, latent_channels=latent_channels, rate="bytes")


@pytest.mark.parametrize("latent_channels", [-1, 257, 16.0, True])
@pytest.mark.parametrize("rate", RATES)
def test_impossible_latent_channels_are_refused(rate, latent_channels):
    with pytest.raises(ModelError, match=r"whole number from 1 to 256, found .*: try 16"):
        ModelConfig("baseline", 16, 8, latent_channels=latent_channels, rate=rate)


def test_unknown_rate_is_refused_with_the_known_ones():
    with pytest.raises(ModelError, match="rate must be one of elements, bytes, found 'bits'"):
        ModelConfig("baseline", 16, 8, rate="bits")


@pytest.mark.parametrize("ratio", RATIOS)
def test_bits_of_the_code_times_the_ratio_are_those_of_the_image(ratio):
    assert ModelConfig("baseline", ratio, 8, rate="bytes").target_bpp * ratio == 8


def test_an_architecture_without_a_network_always_has_a_linear_path():
    assert ModelConfig("linear", 16, 1).linear_path
    assert not ModelConfig("baseline", 16, 8).linear_path


def test_building_with_a_seed_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    build_model(ModelConfig("baseline", 16, 8), seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_building_without_a_seed_draws_from_the_global_generator():
    config = ModelConfig("baseline", 16, 8)
    torch.manual_seed(5)
    weights = next(build_model(config).parameters())
    torch.manual_seed(5)
    assert torch.equal(next(build_model(config).parameters()), weights)
