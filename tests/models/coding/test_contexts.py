"""Contexts: what neighbours are, that decoding knows them in time, and which are worth having."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.coding.context_fit import fit_contexts
from models.coding.contexts import Contexts, neighbour_places, wavefronts
from models.coding.entropy import SymbolCoder
from models.coding.symbol_model import fit_symbol_model
from tests.models.coding.latents import structured_latents

SIDES = st.integers(1, 7)


def symbols_of(latents) -> np.ndarray:
    return np.rint(latents.double().numpy()).astype(np.int64)


@pytest.fixture(scope="module")
def fitted() -> SymbolCoder:
    return SymbolCoder(*fit_contexts(symbols_of(structured_latents())))


@given(height=SIDES, width=SIDES)
def test_every_position_is_decoded_once_and_after_all_its_neighbours(height, width):
    places, known = neighbour_places(height, width), {height * width}
    for front in wavefronts(height, width):
        assert known.issuperset(places[:, front].ravel().tolist())
        assert known.isdisjoint(front.tolist())
        known |= set(front.tolist())
    assert len(known) == height * width + 1


def test_inside_an_image_the_neighbours_are_west_north_and_the_two_beside_north():
    assert neighbour_places(3, 4)[:, 6].tolist() == [5, 2, 1, 3]


def test_at_the_edges_the_nearest_decoded_position_stands_for_what_is_outside():
    """W, N, NW, NE of a 2 x 3 latent; 6 is the start."""
    expected = [[6, 0, 1, 0, 3, 4], [6, 0, 1, 0, 1, 2], [6, 0, 1, 0, 0, 1], [6, 0, 1, 1, 2, 2]]
    assert neighbour_places(2, 3).tolist() == expected


def test_a_prediction_is_the_weighted_sum_of_distances_from_the_start():
    contexts = Contexts(np.array([10]), np.array([[128, 128, -64, 64]]), np.array([[3, 100]]))
    predictions, classes = contexts.of_neighbours(np.array([[[14], [12], [10], [10]]]))
    assert (predictions.item(), classes.item()) == (13, 1)


def test_numbers_of_any_size_do_not_overflow():
    contexts = Contexts(np.array([-(2**52)]), np.full((1, 4), 512), np.array([[2**60]]))
    predictions, _ = contexts.of_neighbours(np.full((1, 4, 1), 2**53))
    assert predictions.item() == -(2**52) + 8 * 2**40


def test_a_smooth_channel_is_predicted_a_rough_one_classed_and_others_are_static(fitted):
    assert fitted.contexts.in_use.tolist() == [0, 1]
    assert fitted.contexts.weights.any(axis=1).tolist() == [True, False, False, False]
    assert fitted.contexts.num_classes[1] > 1


def test_contexts_save_bytes_where_the_variance_varies_in_space():
    symbols = symbols_of(4 * structured_latents(60))[:, 1:2]
    one_table = ((fit_symbol_model(symbols[:40].ravel().astype(np.float64)),),)
    coders = (SymbolCoder(*fit_contexts(symbols[:40])), SymbolCoder(Contexts.static(1), one_table))
    with_contexts, static = (sum(len(c.encode(one)) for one in symbols[40:]) for c in coders)
    assert with_contexts < 0.95 * static


@given(
    height=SIDES,
    width=SIDES,
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1, 40, 10**6, 2**50]),
)
def test_symbols_round_trip_also_those_no_table_holds(fitted, height, width, seed, scale):
    symbols = np.random.default_rng(seed).integers(-2 * scale, 2 * scale, (4, height, width))
    code = fitted.encode(symbols)
    np.testing.assert_array_equal(fitted.decode(code, height, width), symbols)


@given(num_images=st.integers(1, 3), height=SIDES, width=SIDES, seed=st.integers(0, 1000))
def test_contexts_fitted_on_next_to_nothing_code_everything(num_images, height, width, seed):
    rng = np.random.default_rng(seed)
    symbols = rng.integers(-3, 4, (num_images, 2, height, width)).cumsum(axis=3)
    coder = SymbolCoder(*fit_contexts(symbols))
    other = 5 * symbols[0] + 1
    np.testing.assert_array_equal(coder.decode(coder.encode(other), height, width), other)


def test_the_estimate_with_contexts_is_within_2_percent_of_the_length(fitted):
    symbols = symbols_of(structured_latents(8, seed=1))
    coded = sum(8 * len(fitted.encode(one)) for one in symbols)
    assert coded == pytest.approx(sum(map(fitted.estimate_bits, symbols)), rel=0.02)


def test_escapes_with_contexts_are_part_of_the_estimate(fitted):
    symbols = np.random.default_rng(0).integers(-(10**6), 10**6, (4, 16, 16))
    assert fitted.estimate_bits(symbols) == pytest.approx(8 * len(fitted.encode(symbols)), rel=0.02)
