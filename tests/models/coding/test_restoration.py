"""Symbols back to values: what rounding by cost takes from the mean, restoration gives back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.coding.restoration import NUM_DISTANCES, Restoration, fit_restoration

STEPS = np.array([0.5, 2.0])


def laplace_values(centre=0.0, num_images=200) -> np.ndarray:
    """(N, 2, 8, 8) in steps."""
    return np.random.default_rng(0).laplace(centre, 2.0, (num_images, 2, 8, 8))


def with_dead_zone(scaled, width=0.65, centre=0):
    apart = scaled - centre
    return centre + (np.sign(apart) * np.floor(np.abs(apart) + 1 - width)).astype(np.int64)


@given(st.lists(st.integers(-(2**52), 2**52), min_size=2, max_size=2))
def test_plain_restoration_is_symbols_times_steps(symbols):
    restored = Restoration.plain(STEPS).restore(np.array(symbols).reshape(2, 1, 1))
    np.testing.assert_array_equal(restored.ravel(), np.array(symbols) * STEPS)


def test_a_shift_goes_outwards_from_the_centre_by_its_share_of_a_step():
    shifts = np.array([[0.0, 0.1, 0.2, 0.3]] * 2)
    restoration = Restoration(STEPS, np.array([0, 10]), shifts)
    restored = restoration.restore(np.array([[[0, 1, -2, 7]], [[10, 11, 8, -10]]]))
    expected = [[[0.0, 0.55, -1.1, 3.65]], [[20.0, 22.2, 15.6, -20.6]]]
    np.testing.assert_allclose(restored, expected)


def test_symbols_that_were_rounded_plainly_get_no_shift():
    scaled = laplace_values()
    plain = np.rint(scaled).astype(np.int64)
    assert not fit_restoration(STEPS, scaled, plain, plain).shifts.any()


@pytest.mark.parametrize("centre", [0, 50])
def test_values_lie_around_what_is_restored_as_around_plainly_rounded_symbols(centre):
    scaled = laplace_values(centre)
    plain, chosen = np.rint(scaled).astype(np.int64), with_dead_zone(scaled, centre=centre)
    restoration = fit_restoration(np.ones(2), scaled, plain, chosen)
    restored = np.stack([restoration.restore(one) for one in chosen])
    for distance in range(1, NUM_DISTANCES - 1):
        places = [
            (np.sign(symbols - centre) * (scaled - values))[np.abs(symbols - centre) == distance]
            for symbols, values in ((plain, plain), (chosen, restored))
        ]
        assert places[0].mean() == pytest.approx(places[1].mean(), abs=0.005)
