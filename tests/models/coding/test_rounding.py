"""Rounding by cost: never dearer than the nearest symbol, never further than the next one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.coding.context_fit import fit_contexts
from models.coding.contexts import Contexts
from models.coding.entropy import SymbolCoder
from models.coding.latent_codec import LatentCoder
from models.coding.rounding import RATE_WEIGHT, round_by_cost, round_plainly
from models.coding.symbol_model import fit_symbol_model
from tests.models.coding.latents import structured_latents

TABLES = ((fit_symbol_model(np.random.default_rng(0).laplace(0, 2, 5000)),),)
VALUES = st.lists(st.floats(-60, 60), min_size=1, max_size=40)


def cost(scaled, symbols, rate_weight) -> float:
    bits = SymbolCoder(Contexts.static(1), TABLES).estimate_bits(symbols)
    return float(((scaled - symbols) ** 2).sum()) + rate_weight * bits


@given(values=VALUES, rate_weight=st.floats(0, 2))
def test_the_cost_is_never_above_that_of_plain_rounding(values, rate_weight):
    scaled = np.array(values).reshape(1, 1, -1)
    chosen = round_by_cost(scaled, Contexts.static(1), TABLES, rate_weight)
    plain = cost(scaled, round_plainly(scaled), rate_weight)
    assert cost(scaled, chosen, rate_weight) <= plain + 1e-9


@given(values=VALUES)
def test_the_symbol_is_one_of_the_two_beside_the_value(values):
    scaled = np.array(values).reshape(1, 1, -1)
    chosen = round_by_cost(scaled, Contexts.static(1), TABLES, rate_weight=2)
    assert (np.abs(chosen - scaled) < 1).all()


def test_without_a_weight_for_bits_the_nearest_symbol_is_chosen():
    scaled = structured_latents(1)[0].double().numpy()
    contexts, tables = fit_contexts(round_plainly(structured_latents().double().numpy()))
    chosen = round_by_cost(scaled, contexts, tables, rate_weight=0)
    np.testing.assert_array_equal(chosen, np.rint(scaled))


def test_values_outside_the_table_go_to_the_nearest_symbol():
    scaled = np.array([[[1e6 + 0.4, -1e6 - 0.4, 2.0**52]]])
    chosen = round_by_cost(scaled, Contexts.static(1), TABLES, rate_weight=2)
    np.testing.assert_array_equal(chosen, np.rint(scaled))


def test_bytes_are_saved_also_on_images_that_tables_were_not_fitted_on():
    latents = torch.randn(60, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    coders = [LatentCoder.fit(latents[:40], 1.0, weight) for weight in (0.0, RATE_WEIGHT)]
    plain, by_cost = (sum(len(c.encode(one)) for one in latents[40:]) for c in coders)
    assert by_cost < plain


def test_the_default_weight_is_three_quarters_of_what_a_bit_is_worth_at_high_rate():
    assert pytest.approx(0.75 * 2 * np.log(2) / 12) == RATE_WEIGHT
