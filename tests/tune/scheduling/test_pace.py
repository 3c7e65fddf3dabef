"""What still fits before a deadline, judged by the epochs of the study so far."""

import math
from collections.abc import Callable, Sequence

import pytest

from tests.tune.conftest import moment
from tune.scheduling.pace import LATEST, Pace
from tune.trial.record import TrialRecord

PACE = Pace(closing_s=10.0)
"""A trial of the records has ten epochs."""


@pytest.fixture
def make_timed(make_record) -> Callable[..., TrialRecord]:
    """Make a trial that began at a moment and whose epochs took so many seconds."""

    def make(
        lengths_s: Sequence[float], begin_s: float = 0.0, base_channels: int = 8
    ) -> TrialRecord:
        record = make_record(0, [20.0] * len(lengths_s), None, base_channels=base_channels)
        record.started = moment(begin_s)
        ends_s = [begin_s + sum(lengths_s[: i + 1]) for i in range(len(lengths_s))]
        record.reported = [moment(end_s) for end_s in ends_s]
        return record

    return make


def test_without_a_deadline_everything_fits(make_timed):
    record = make_timed([1e9])
    assert PACE.fits_new_trial([record], math.inf)
    assert PACE.fits_rest(record, [record], math.inf)
    assert PACE.fits_epoch(record, [record], math.inf)


def test_before_the_first_epoch_a_trial_fits_if_there_is_time(make_timed):
    assert PACE.fits_new_trial([make_timed([])], 11.0)
    assert not PACE.fits_new_trial([make_timed([])], 9.0)


@pytest.mark.parametrize(("left_s", "fits"), [(40.0 + 9 * 5 + 10 + 1, True), (94.0, False)])
def test_a_trial_needs_its_long_first_epoch_the_others_and_the_end_of_the_study(
    make_timed, left_s, fits
):
    assert PACE.fits_new_trial([make_timed([40.0, 5.0, 5.0])], left_s) is fits


def test_the_slowest_width_says_whether_a_new_trial_fits(make_timed):
    records = [make_timed([1.0, 1.0]), make_timed([9.0, 9.0], base_channels=16)]
    assert not PACE.fits_new_trial(records, 99.0)
    assert PACE.fits_new_trial(records, 101.0)


def test_a_running_trial_is_judged_by_its_own_width(make_timed):
    narrow, wide = make_timed([1.0, 1.0]), make_timed([9.0, 9.0], base_channels=16)
    assert PACE.fits_epoch(narrow, [narrow, wide], 12.0)
    assert not PACE.fits_epoch(wide, [narrow, wide], 12.0)


def test_a_continued_trial_needs_the_epochs_that_it_lacks(make_timed):
    record = make_timed([5.0] * 8)
    assert PACE.fits_rest(record, [record], 21.0)
    assert not PACE.fits_rest(record, [record], 19.0)


def test_one_slow_epoch_among_many_does_not_count(make_timed):
    record = make_timed([1.0] * 11 + [60.0])
    assert PACE.fits_epoch(record, [record], 12.0)


def test_a_slow_machine_is_noticed_and_forgotten(make_timed):
    slow = make_timed([9.0] * 10)
    quick = make_timed([1.0] * (LATEST + 1), begin_s=100.0)
    assert not PACE.fits_epoch(slow, [slow], 15.0)
    assert PACE.fits_epoch(slow, [slow, quick], 15.0)
