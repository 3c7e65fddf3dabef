"""A real search, killed three times: the short form of `python -m tests.chaos`."""

import pytest

from tests.chaos.harness import Moment
from tests.chaos.report import run_kills

pytestmark = [pytest.mark.ray, pytest.mark.nightly]


def test_a_search_that_is_killed_three_times_ends_as_if_it_had_never_been(tmp_path):
    moments = [Moment("epoch", "torn", 2), Moment("rung", "before"), Moment("end", "after")]
    (kills,) = run_kills(moments, tmp_path, per_study=len(moments))
    assert [kill.moment for kill in kills] == moments
    for kill in kills:
        assert {name: found for name, found in kill.results.items() if found} == {}
        assert (kill.lost, kill.passed) == (0, 11)
