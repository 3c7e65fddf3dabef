"""The control of the rate: a solver that meets the target, a multiplier that comes to rest."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.training.rate_control import (
    HIGHEST_LOG_SCALE,
    LOWEST_LOG_SCALE,
    PLAUSIBLE,
    RELATIVE_TOLERANCE,
    RateControl,
    solve_log_scale,
)

starts = st.floats(LOWEST_LOG_SCALE, HIGHEST_LOG_SCALE)
places = st.floats(-15.0, 9.0)
targets = st.sampled_from([8 / ratio for ratio in (4, 8, 16, 32, 64)])


@given(start=starts, place=places, target=targets, power=st.floats(0.2, 3.0))
def test_the_target_is_met_on_any_power_law(start, place, target, power):
    def rate_bpp(log_scale):
        return target * math.exp(-power * (log_scale - place))

    solved = rate_bpp(solve_log_scale(rate_bpp, target, start))
    assert solved == pytest.approx(target, rel=1.01 * RELATIVE_TOLERANCE)


@given(start=starts, place=st.floats(-6.0, 5.0), target=targets, slope=st.floats(0.05, 5.0))
def test_the_target_is_met_on_any_exponential(start, place, target, slope):
    """An exponential of the step, which falls as a power of -slope where it meets the target."""

    def rate_bpp(log_scale):
        return target * math.exp(min(slope * (1 - math.exp(log_scale - place)), 600.0))

    solved = rate_bpp(solve_log_scale(rate_bpp, target, start))
    assert solved == pytest.approx(target, rel=1.01 * RELATIVE_TOLERANCE)


@given(start=starts, place=places, target=targets)
def test_the_target_is_met_on_the_rate_of_a_gaussian(start, place, target):
    """max(0, log2 σ / step) smoothed: a line in the logarithm at fine steps, nothing at coarse."""

    def rate_bpp(log_scale):
        return math.log1p(math.expm1(target) * math.exp(2 * (place - log_scale)))

    solved = rate_bpp(solve_log_scale(rate_bpp, target, start))
    assert solved == pytest.approx(target, rel=1.01 * RELATIVE_TOLERANCE)


@given(start=starts, place=places, target=targets)
def test_a_rate_that_jumps_over_the_target_is_left_at_the_jump(start, place, target):
    def rate_bpp(log_scale):
        return 2 * target if log_scale < place else target / 2

    assert solve_log_scale(rate_bpp, target, start) == pytest.approx(place, abs=1e-6)


@given(start=starts, rate=st.floats(0.0, 0.9))
def test_a_rate_that_stays_below_the_target_gives_the_finest_steps(start, rate):
    solved = solve_log_scale(lambda _: rate, 1.0, start)
    assert solved == pytest.approx(LOWEST_LOG_SCALE, abs=1e-3)


@given(start=starts, rate=st.floats(1.1, 1e9))
def test_a_rate_that_stays_above_the_target_gives_the_coarsest_steps(start, rate):
    solved = solve_log_scale(lambda _: rate, 1.0, start)
    assert solved == pytest.approx(HIGHEST_LOG_SCALE, abs=1e-3)


@given(start=starts, place=places)
def test_rates_that_are_no_numbers_count_as_too_low(start, place):
    def rate_bpp(log_scale):
        return math.exp(place - log_scale) if log_scale < place + 1 else math.nan

    solved = rate_bpp(solve_log_scale(rate_bpp, 1.0, start))
    assert solved == pytest.approx(1, rel=1.01 * RELATIVE_TOLERANCE)


@pytest.mark.parametrize("rate", [math.nan, math.inf, -math.inf, 0.0, -1.0])
def test_no_rate_raises(rate):
    solved = solve_log_scale(lambda _: rate, 1.0)
    assert LOWEST_LOG_SCALE <= solved <= HIGHEST_LOG_SCALE


def multipliers(b, c, lag, *, dose=1.0, num_epochs=60):
    """The control on a plant: epochs of a training whose rate obeys a power law.

        ln R = -b · ln(step) - c · (what the network has learnt of ln(multiplier)),

    where it learns the share 1 - lag of the rest per epoch, and slope = step². It begins dose above
    the multiplier at which the loop rests.
    """
    control, target = RateControl(target_bpp=1.0), 1.0
    learnt, log_scale, found = dose, 0.0, []
    for _ in range(num_epochs):

        def rate_bpp(log_scale, learnt=learnt):
            return math.exp(-b * log_scale - c * learnt)

        log_scale = solve_log_scale(rate_bpp, target, log_scale)
        slope = math.exp(2 * log_scale)
        control.follow(slope, distortion=slope / (2 * math.log(2)))
        found.append(control.multiplier)
        learnt = lag * learnt + (1 - lag) * math.log(control.multiplier)
    return found


plants = given(
    b=st.floats(0.5, 1.2), c=st.floats(0.0, 0.6), lag=st.floats(0.0, 0.9), dose=st.floats(-1, 1)
)


@plants
def test_the_multiplier_comes_to_rest_where_it_is_the_slope(b, c, lag, dose):
    assert multipliers(b, c, lag, dose=dose)[-1] == pytest.approx(1, rel=5e-3)


@plants
def test_after_twelve_epochs_the_multiplier_stays_within_a_tenth(b, c, lag, dose):
    """A network that learnt a multiplier e times too high or low; without one it has no dose."""
    late = multipliers(b, c, lag, dose=dose)[12:]
    assert all(abs(math.log(m)) < math.log(1.1) for m in late)


@given(b=st.floats(0.5, 1.2), c=st.floats(0.0, 0.25), dose=st.floats(-1, 1))
def test_a_network_that_follows_at_once_never_overshoots_by_a_tenth_where_the_loop_is_weak(
    b, c, dose
):
    """Up to 2c / b = 1 half the way is never too far."""
    found = multipliers(b, min(c, b / 2), 0.0, dose=dose)
    beyond = [math.copysign(1, dose) * math.log(m) for m in found]
    assert beyond[0] < 1e-9
    assert max(beyond) < math.log(1.1)


slopes = st.one_of(st.floats(), st.sampled_from([0.0, -1.0, math.inf, -math.inf, math.nan]))


@given(before=st.floats(1e-9, 1e3), slope=slopes, distortion=st.floats(1e-8, 1.0))
def test_no_slope_makes_the_multiplier_anything_but_finite_and_positive(before, slope, distortion):
    control = RateControl(0.5, before)
    control.follow(slope, distortion)
    assert 0 < control.multiplier < math.inf


@given(slopes=st.lists(slopes, min_size=1, max_size=8), distortion=st.floats(1e-8, 1.0))
def test_mishaps_keep_the_multiplier_within_what_is_plausible(slopes, distortion):
    control = RateControl(0.5)
    for slope in slopes:
        control.follow(slope, distortion)
    gaussian = 2 * math.log(2) * distortion
    assert gaussian / PLAUSIBLE * 0.999 <= control.multiplier <= gaussian * PLAUSIBLE * 1.001


def test_the_first_multiplier_is_the_slope_itself():
    control = RateControl(0.5)
    control.follow(0.02, distortion=0.01)
    assert control.multiplier == pytest.approx(0.02)


@given(st.lists(st.floats(0.005, 0.02), min_size=2, max_size=6))
def test_a_later_multiplier_lies_half_way_between_old_and_slope_on_a_logarithmic_axis(slopes):
    control, found = RateControl(0.5), []
    for slope in slopes:
        control.follow(slope, distortion=0.01)
        found.append(control.multiplier)
    for (old, new), slope in zip(itertools.pairwise(found), slopes[1:], strict=True):
        assert new == pytest.approx(math.sqrt(old * slope))
