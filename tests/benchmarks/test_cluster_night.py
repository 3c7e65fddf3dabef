"""The simulated cluster, small: nobody is lost, and what it reports is counted right."""

import random
from dataclasses import replace

import pytest

from benchmarks.cluster_night import Night, Raylet, Trial, main, make_fleet, make_place, make_spec

SMALL = 0.03


@pytest.fixture(scope="module")
def night() -> Night:
    """A night of seven nodes."""
    night = Night(make_fleet(SMALL), 300, random.Random(0))
    night.run()
    return night


def test_every_trial_ends_although_nodes_die(night):
    assert night.num_deaths > 3
    assert night.num_continued > 0
    assert night.live == {}
    assert len(night.durations_s) == night.num_suggested == 300
    assert len(night.waits_s) >= 300


def test_no_place_is_overbooked_and_nobody_starves(night):
    findings = {what: is_reached for what, *_, is_reached in night.findings()}
    assert findings["starts that overbooked a place"]
    assert findings["longest wait, against the longest trial"]


def test_a_place_that_runs_more_than_it_has_is_seen():
    place = make_place("cuda", 8, 0, 0)
    half = replace(place.packing.place(make_spec(128, 32)), number=1)
    raylet = Raylet(place, running=[Trial(half, 1.0, 0.0) for _ in range(2)])
    assert raylet.filling == 1.0
    assert not raylet.is_overbooked
    raylet.running.append(Trial(half, 1.0, 0.0))
    assert raylet.is_overbooked


def test_a_row_says_what_is_required_and_what_was_found(capsys):
    main(["--nodes", f"{SMALL}", "--trials", "40"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("7 nodes, 36 cards, 40 trials in")
    assert [line.count("|") for line in lines[2:]] == [5] * 6
    assert "< 50 ms" in lines[4]
