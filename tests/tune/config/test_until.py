"""A deadline by the clock: the next time that it says so, or a date."""

from datetime import datetime, timedelta

import pytest

from tune.config.until import check_deadline, one_deadline, read_until, seconds_until
from tune.errors import UsageError

EVENING = datetime(2026, 1, 30, 22, 30).astimezone()


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("23:00", 0.5),
        ("08:00", 9.5),
        ("22:30", 24.0),
        ("2026-01-30T23:30", 1.0),
        ("2026-01-31 08:00:00", 9.5),
    ],
)
def test_a_time_is_the_next_one_and_a_date_is_that_day(text, hours):
    assert read_until(text, EVENING) - EVENING == timedelta(hours=hours)


def test_a_date_may_name_its_time_zone():
    assert (
        seconds_until("2026-01-30T22:30:00+00:00", EVENING)
        == (datetime.fromisoformat("2026-01-30T22:30:00+00:00") - EVENING).total_seconds()
    )


def test_a_moment_that_has_passed_lies_below_zero():
    assert seconds_until("2026-01-30T22:00", EVENING) == -1800


@pytest.mark.parametrize("text", ["soon", "", "25:00", "8", "08:00+01:00", "2026-02-30T08:00"])
def test_what_is_no_moment_is_told_in_one_sentence(text):
    with pytest.raises(UsageError, match="must be a time such as 08:00"):
        read_until(text, EVENING)


def test_a_search_keeps_its_moment_as_a_date():
    flags, file = one_deadline({"until": "08:00"}, {}, EVENING)
    assert (flags, file) == ({"until": "2026-01-31T08:00:00"}, {})


@pytest.mark.parametrize("flags", [{"hours": "2"}, {"until": "2026-01-31T08:00:00"}])
def test_a_deadline_of_the_command_stands_in_the_place_of_the_files(flags):
    file = {"hours": 3, "until": "07:00", "trials": 4}
    assert one_deadline(flags, file, EVENING) == (flags, {"trials": 4})


def test_two_deadlines_are_refused():
    with pytest.raises(UsageError, match="one deadline, found --hours 2 beside --until 08:00"):
        check_deadline(2.0, "08:00")
