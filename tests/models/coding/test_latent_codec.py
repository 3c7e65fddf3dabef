"""Bytes of latents: round trips, the length that the model promises, and damage that is noticed."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.coding.latent_codec import CHECKSUM_BYTES, LatentCoder, rate_bpp
from models.coding.symbol_model import MAX_SYMBOLS, TOTAL_FREQUENCY, fit_symbol_model
from models.errors import ModelError
from tests.models.coding.latents import structured_latents

pytestmark = pytest.mark.slow


def gaussian_latents(num_images=40, channels=8, side=16, seed=0) -> torch.Tensor:
    """Channels of standard deviation 0.01 to 3."""
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(num_images, channels, side, side, generator=generator)
    return latents * torch.logspace(-2, 0.5, channels)[:, None, None]


@pytest.fixture(scope="module")
def coder() -> LatentCoder:
    return LatentCoder.fit(gaussian_latents(), steps=0.1)


@pytest.fixture(scope="module")
def plain_coder() -> LatentCoder:
    """One that rounds to the nearest symbol, whatever it costs."""
    return LatentCoder.fit(gaussian_latents(), steps=0.1, rate_weight=0)


@pytest.fixture(scope="module")
def context_coder() -> LatentCoder:
    coder = LatentCoder.fit(structured_latents(), [0.5, 0.25, 1.0, 1.0])
    assert len(coder.parts.contexts.in_use)
    return coder


def assert_decodes_exactly(coder: LatentCoder, latent: torch.Tensor) -> None:
    decoded = coder.decode(coder.encode(latent))
    assert decoded.dtype == torch.float32
    assert torch.equal(decoded, coder.quantise(latent))


def test_bytes_decode_to_exactly_the_quantised_latent(coder):
    for latent in gaussian_latents(seed=1):
        assert_decodes_exactly(coder, latent)


def test_the_quantised_latent_is_within_a_step_and_rounded_plainly_within_half(coder, plain_coder):
    latent = gaussian_latents(seed=1)[0]
    assert (coder.quantise(latent) - latent).abs().max() <= 0.1 + 1e-6
    assert (plain_coder.quantise(latent) - latent).abs().max() <= 0.05 + 1e-6
    torch.testing.assert_close(plain_coder.quantise(latent), torch.round(latent / 0.1) * 0.1)


def test_rounding_plainly_twice_changes_nothing(plain_coder):
    once = plain_coder.quantise(gaussian_latents(seed=1)[0])
    assert torch.equal(plain_coder.quantise(once), once)


def test_every_channel_is_quantised_with_its_own_step():
    steps = np.array([0.01, 0.1, 1.0, 10.0])
    latents = gaussian_latents(4, 4) + 3.0
    coder = LatentCoder.fit(latents, steps, rate_weight=0)
    assert_decodes_exactly(coder, latents[0])
    expected = torch.round(latents[0] / torch.tensor(steps)[:, None, None]).double().numpy()
    np.testing.assert_allclose(
        coder.quantise(latents[0]).numpy(), expected * steps[:, None, None], rtol=1e-6
    )
    assert coder.step == pytest.approx(10**-0.5)


def test_several_latents_are_quantised_as_one_by_one(coder):
    latents = gaussian_latents(3, seed=1)
    one_by_one = torch.stack([coder.quantise(latent) for latent in latents])
    assert torch.equal(coder.quantise(latents), one_by_one)


@given(
    values=st.lists(
        st.floats(-(2.0**40), 2.0**40, width=32)
        | st.floats(-4, 4, width=32)
        | st.sampled_from([2.0**49, -(2.0**49), 0.05, -0.05, 0.0]),
        min_size=8,
        max_size=48,
    ),
    step=st.sampled_from([0.1, 1.0, 7.5]),
)
def test_any_value_round_trips_also_far_from_what_was_fitted(values, step):
    coder = LatentCoder.fit(gaussian_latents(4), step)
    num_positions = len(values) // 8
    latent = torch.tensor(values[: 8 * num_positions]).reshape(8, num_positions, 1)
    assert_decodes_exactly(coder, latent)


@given(height=st.integers(1, 5), width=st.integers(1, 5), scale=st.sampled_from([1, 30, 1e5]))
def test_latents_of_channels_with_contexts_round_trip(context_coder, height, width, scale):
    latent = scale * structured_latents(1, side=5, seed=3)[0, :, :height, :width]
    assert_decodes_exactly(context_coder, latent)


@given(
    fitted=st.floats(-1e6, 1e6, width=32),
    offset=st.integers(-6000, 6000),
    height=st.integers(1, 3),
    width=st.integers(1, 130),
)
def test_a_channel_without_variance_codes_all_values(fitted, offset, height, width):
    coder = LatentCoder.fit(torch.full((2, 1, 2, 2), fitted), steps=1.0)
    assert_decodes_exactly(coder, torch.full((1, height, width), fitted + offset))


def test_a_constant_latent_costs_next_to_nothing():
    latents = torch.full((40, 16, 16, 16), 0.7)
    assert len(LatentCoder.fit(latents, 0.1).encode(latents[0])) < 16


def test_a_latent_of_one_position_round_trips(coder):
    assert_decodes_exactly(coder, gaussian_latents(side=1)[0])


@pytest.mark.parametrize("side", [126, 127, 128, 129])
def test_sides_beyond_one_byte_round_trip(side):
    coder = LatentCoder.fit(gaussian_latents(2, 1), 1.0)
    assert_decodes_exactly(coder, gaussian_latents(1, 1, side)[0])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_number_formats_are_coded_as_they_are(coder, dtype):
    assert_decodes_exactly(coder, gaussian_latents(seed=1)[0].to(dtype))


@pytest.mark.parametrize("channels", [4, 16, 64])
@pytest.mark.parametrize("step_by_deviation", [1 / 16, 1 / 2])
def test_the_rate_is_within_5_percent_of_the_estimate_header_included(channels, step_by_deviation):
    """At every ratio of the service for images of 256 px, latents of 16 x 16."""
    latents = gaussian_latents(40, channels)
    latents /= latents.std((0, 2, 3), keepdim=True)
    coder = LatentCoder.fit(latents[:30], step_by_deviation)
    coded = sum(8 * len(coder.encode(latent)) for latent in latents[30:])
    estimated = sum(coder.estimate_bits(latent) for latent in latents[30:])
    assert 1 <= coded / estimated < 1.05


def test_the_estimate_is_near_the_entropy_of_a_known_source():
    """Quantised finely, a Gaussian needs log2(deviation / step * sqrt(2 pi e)) bits."""
    latents = torch.randn(200, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    coder = LatentCoder.fit(latents[:150], steps=1 / 16, rate_weight=0)
    bits = np.mean([coder.estimate_bits(latent) for latent in latents[150:]]) / 32**2
    assert bits == pytest.approx(np.log2(16 * np.sqrt(2 * np.pi * np.e)), rel=0.01)


def test_escapes_are_part_of_the_estimate(coder):
    latent = torch.full((8, 16, 16), 12345.6)
    coded = 8 * len(coder.encode(latent))
    assert coder.estimate_bits(latent) == pytest.approx(coded, rel=0.01)


@given(st.data())
def test_damaged_bytes_of_channels_with_contexts_are_refused(context_coder, data):
    code = bytearray(context_coder.encode(structured_latents(1, seed=2)[0]))
    code[data.draw(st.integers(0, len(code) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ModelError, match="checksum of what the coder wrote"):
        context_coder.decode(bytes(code))


@given(st.data())
def test_every_damaged_or_cut_code_is_refused(coder, data):
    code = bytearray(coder.encode(gaussian_latents(seed=2)[0]))
    if data.draw(st.booleans(), label="cut"):
        del code[data.draw(st.integers(0, len(code) - 1)) :]
    else:
        place = data.draw(st.integers(0, len(code) - 1))
        code[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ModelError, match="checksum of what the coder wrote"):
        coder.decode(bytes(code))


def test_bytes_with_something_behind_them_are_refused(coder):
    with pytest.raises(ModelError, match="checksum"):
        coder.decode(coder.encode(gaussian_latents()[0]) + b"\0")


@pytest.mark.parametrize(
    "other",
    [
        LatentCoder.fit(gaussian_latents(), steps=0.2),
        LatentCoder.fit(gaussian_latents(seed=5), steps=0.1),
    ],
)
def test_bytes_of_another_coder_are_refused(coder, other):
    with pytest.raises(ModelError, match="of another model"):
        other.decode(coder.encode(gaussian_latents()[0]))


def test_a_coder_is_the_same_after_its_arrays_went_through_a_file(coder, tmp_path):
    np.savez(tmp_path / "coder.npz", **coder.to_arrays())
    with np.load(tmp_path / "coder.npz") as arrays:
        restored = LatentCoder.from_arrays(arrays)
    for latent in gaussian_latents(4, seed=3):
        assert restored.encode(latent) == coder.encode(latent)
        assert torch.equal(restored.decode(coder.encode(latent)), coder.quantise(latent))


def test_bytes_are_the_recorded_ones():
    """A change of the format, or of the library's, would make stored bytes unreadable."""
    coder = LatentCoder.fit(torch.arange(-8.0, 8.0).reshape(1, 1, 4, 4), steps=1.0)
    code = coder.encode(torch.tensor([[[0.0, -3.0, 100.0], [7.0, 1.0, -8.0]]]))
    assert code.hex() == "5ab300650203400887a0ae7d1d"


def test_a_table_sums_to_no_more_than_the_precision_of_the_coder():
    values = np.random.default_rng(0).standard_cauchy(10_000) * 1e4
    model = fit_symbol_model(values)
    assert len(model.frequencies) <= MAX_SYMBOLS + 1
    assert model.frequencies.min() >= 1
    assert 0.99 * TOTAL_FREQUENCY < model.frequencies.sum() <= TOTAL_FREQUENCY


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 2.0**60])
def test_values_that_no_symbol_stands_for_are_refused(coder, bad):
    latent = gaussian_latents()[0]
    latent[3, 4, 5] = bad
    with pytest.raises(ModelError, match="finite and below 2\\^53 steps"):
        coder.encode(latent)
    with pytest.raises(ModelError, match="finite and below 2\\^53 steps"):
        LatentCoder.fit(latent[None], 0.1)


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan"), float("inf")])
def test_a_step_that_is_not_above_zero_is_refused(step):
    with pytest.raises(ModelError, match="step must be above 0"):
        LatentCoder.fit(gaussian_latents(1), step)


@pytest.mark.parametrize("steps", [np.ones(7), np.ones((8, 1)), []])
def test_steps_that_are_not_one_for_each_channel_are_refused(steps):
    with pytest.raises(ModelError, match="one for each of 8 channels"):
        LatentCoder.fit(gaussian_latents(1), steps)


@pytest.mark.parametrize("shape", [(7, 16, 16), (8, 16), (1, 8, 16, 16), (8, 0, 16)])
def test_latents_of_another_shape_are_refused(coder, shape):
    with pytest.raises(ModelError, match=r"latents of shape \(8, h, w\)"):
        coder.encode(torch.zeros(shape))


def test_a_coder_is_not_fitted_on_nothing():
    with pytest.raises(ModelError, match="at least one training image"):
        LatentCoder.fit(torch.zeros(0, 8, 16, 16), 0.1)


def test_rate_counts_every_byte_per_pixel(coder):
    code = coder.encode(gaussian_latents()[0])
    assert rate_bpp(code, 256, 128) == 8 * len(code) / (256 * 128)
    assert len(code) > CHECKSUM_BYTES
