"""What is said of a node before a search begins."""

from dataclasses import replace

import pytest

from tests.tune.engine.test_nodes import facts
from tune.engine.node import Greeting, Question, greet
from tune.engine.preflight import NodeReport, describe
from tune.storage.probe import look, open_probe


@pytest.fixture
def described(tmp_path):
    """What is said of a node that answered at once."""

    def describe_node(greeting: Greeting, needed_mib: float = 0.0) -> NodeReport:
        with open_probe(str(tmp_path)) as probe:
            seen = None if greeting.seen is None else look(probe)
            return describe(replace(greeting, seen=seen), probe, 0.0, 0.0, needed_mib)

    return describe_node


def test_a_node_that_is_as_it_should_be_has_nothing_against_it(described):
    report = described(Greeting(facts()))
    assert (report.name, report.faults, report.warnings) == ("lab-1", (), ())
    assert report.words == "8 cores, 10000 MiB of memory, no card"


def test_a_clock_that_is_off_is_told(described):
    (warning,) = described(Greeting(facts(at_s=-90.0))).warnings
    assert warning == "its clock is -90.0 s off the driver's"


def test_other_versions_and_another_corpus_are_faults(described):
    greeting = Greeting(facts(versions={}), corpus_fault="another corpus")
    assert described(greeting).faults[1] == "another corpus"
    assert "must have the driver's versions" in described(greeting).faults[0]


@pytest.mark.parametrize("free_mib", [299.0, 300.0])
def test_a_corpus_that_would_be_copied_needs_room(described, free_mib):
    greeting = Greeting(facts(), lacks_corpus=True, scratch_free_mib=free_mib)
    report = described(greeting, 300.0)
    if free_mib < 300.0:
        assert report.faults == (
            "the corpus (300 MiB) would be copied there, and 299 MiB are free",
        )
    else:
        assert report.warnings == ("the corpus (300 MiB) would be copied there",)


def test_a_node_tells_what_is_free_in_its_scratch_folder(tmp_path):
    scratch = tmp_path / "scratch"
    asked = Question(None, None, "", "", "driver", str(scratch))
    assert greet("abc", {"CPU": 1.0}, asked).scratch_free_mib > 0
    scratch.rmdir()
    scratch.write_text("no folder")
    assert greet("abc", {"CPU": 1.0}, asked).corpus_fault is not None
