"""Nodes that are sent the corpus before they get trials: who is, what is said, how long is waited.

Ray is stood in for by answers that come when the test says so.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from data.dataset import Corpus
from tests.tune.engine.test_nodes import facts
from tune.engine import joining
from tune.engine import nodes as nodes_module
from tune.engine.node import Greeting
from tune.engine.nodes import Nodes
from tune.engine.places import Asked
from tune.engine.staging import Stage
from tune.errors import UsageError


@dataclass
class Answer:
    """What a node says, and at which look it has said it."""

    value: object
    after: int = 0


class Cluster:
    """Nodes by name: each with its host and what becomes of its copy."""

    def __init__(self) -> None:
        self.greetings: dict[str, Answer] = {}
        self.copies: dict[str, Answer] = {}
        self.copied: list[str] = []
        self.now_s = 0.0

    def add(self, raylet: str, host: str, copy: Answer, num_cores: int = 2) -> None:
        there = facts(raylet=raylet, host=host, num_cores=num_cores)
        self.greetings[raylet] = Answer(Greeting(there, lacks_corpus=True))
        self.copies[raylet] = copy

    def start_there(self, raylet: str, function: object, *arguments: object) -> Answer:
        self.copied.append(raylet)
        return self.copies[raylet]

    def wait(self, answers, num_returns: int = 1, timeout: float | None = None):
        if timeout != 0:
            self.now_s += 30.0 if timeout is None else min(timeout, 30.0)
            for one in answers:
                one.after -= 1
        return [one for one in answers if one.after <= 0], []


@pytest.fixture
def cluster(monkeypatch) -> Cluster:
    cluster = Cluster()
    ray = SimpleNamespace(wait=cluster.wait, get=lambda answer: answer.value)
    desk = SimpleNamespace(stage=Stage("desk", "/scratch"), check=lambda results: None)
    for name, stand_in in {
        "ray": ray,
        "alive_nodes": lambda: {raylet: {"CPU": 1.0} for raylet in cluster.greetings},
        "ask": lambda raylet, resources, question: cluster.greetings[raylet],
        "start_there": cluster.start_there,
        "OpenDesk": lambda scratch: desk,
        "time": SimpleNamespace(monotonic=lambda: cluster.now_s),
    }.items():
        for module in (joining, nodes_module):
            monkeypatch.setattr(module, name, stand_in, raising=False)
    monkeypatch.setattr(nodes_module, "num_drivers", lambda: 1)
    return cluster


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def nodes(said) -> Nodes:
    there = SimpleNamespace(dashboard=None, head=None)
    return Nodes(said.append, there, scratch="/scratch")


@pytest.fixture
def asked(tiny_corpus, tmp_path):
    def ask(device: str = "cpu", is_dry: bool = False) -> Asked:
        corpus = Corpus.open(tiny_corpus)
        return Asked(str(tmp_path), corpus, device, 0.1, None, None, is_dry)

    return ask


def test_every_machine_without_the_corpus_is_sent_it_and_said_to_be_once(
    cluster, nodes, asked, said
):
    cluster.add("a", "lab-1", Answer(None, 1))
    cluster.add("b", "lab-1", Answer(None, 1))  # another card of the same machine
    cluster.add("c", "lab-2", Answer(None, 1))
    fleet = nodes.admit(asked())
    assert {place.raylet for place in fleet.places} == {"a", "b", "c"}
    assert cluster.copied == ["a", "b", "c"]
    assert said == [
        "copying the corpus (1 MiB) to node lab-1",
        "copying the corpus (1 MiB) to node lab-2",
    ]


def test_a_copy_takes_as_long_as_it_takes_while_a_silent_node_is_left_out(
    cluster, nodes, asked, said
):
    cluster.add("a", "lab-1", Answer(None, 100))
    cluster.greetings["silent-node"] = Answer(None, 1000)
    fleet = nodes.admit(asked())
    assert [place.raylet for place in fleet.places] == ["a"]
    assert said[-1] == "left out: node silent-n did not answer within 60 s"
    assert cluster.now_s > 60 * 30


def test_a_node_that_the_corpus_does_not_reach_is_left_out_with_its_sentence(
    cluster, nodes, asked, said
):
    cluster.add("a", "lab-1", Answer("no room on lab-1"))
    cluster.add("b", "lab-2", Answer(None))
    assert [place.raylet for place in nodes.admit(asked()).places] == ["b"]
    assert said[-1] == "left out: no room on lab-1"


def test_where_the_corpus_reaches_nobody_there_is_no_study(cluster, nodes, asked):
    cluster.add("a", "lab-1", Answer("no room on lab-1"))
    with pytest.raises(UsageError, match="needs a node that can train cpu trials, found none of 1"):
        nodes.admit(asked())


def test_a_node_that_cannot_train_is_sent_nothing(cluster, nodes, asked, said):
    cluster.add("a", "lab-1", Answer(None))
    with pytest.raises(UsageError):
        nodes.admit(asked("cuda"))
    assert cluster.copied == []
    assert said == []


def test_a_plan_copies_nothing_and_says_what_would_be(cluster, nodes, asked, said):
    cluster.add("a", "lab-1", Answer(None))
    assert [place.raylet for place in nodes.admit(asked(is_dry=True)).places] == ["a"]
    assert cluster.copied == []
    assert said == ["the corpus (1 MiB) would be copied to node lab-1"]


def test_a_node_that_joins_gets_trials_when_it_has_the_corpus(cluster, nodes, asked, said):
    cluster.add("a", "lab-1", Answer(None))
    nodes.admit(asked())
    cluster.add("b", "lab-2", Answer(None, 2))
    for _ in range(2):
        cluster.now_s += 10
        nodes.refresh()
        assert not nodes.has("b")
    cluster.copies["b"].after = 0
    cluster.now_s += 10
    nodes.refresh()
    assert nodes.has("b")
    assert said[-2:] == [
        "copying the corpus (1 MiB) to node lab-2",
        "node lab-2 has joined the cluster",
    ]


def test_what_another_job_reserves_of_a_node_is_known_seconds_later(cluster, nodes, asked):
    cluster.add("a", "lab-1", Answer(None))
    nodes.admit(asked())
    nodes._unreserved = lambda: {"a": {}}
    cluster.now_s += 10
    nodes.refresh()
    assert [place.taken_slots for place in nodes.fleet.places] == [1]


def test_a_study_on_another_corpus_asks_every_node_again_and_one_on_the_same_none(
    cluster, nodes, asked, tmp_path, monkeypatch
):
    greeted: list[str] = []

    def ask(raylet: str, resources: dict[str, float], question: object) -> Answer:
        greeted.append(f"{raylet} {Path(question.corpus).name}")
        return cluster.greetings[raylet]

    monkeypatch.setattr(joining, "ask", ask)
    cluster.add("a", "lab-1", Answer(None))
    first = asked()
    second = SimpleNamespace(path=tmp_path / "another", info=first.corpus.info)
    nodes.admit(first)
    cluster.greetings["a"].value = replace(cluster.greetings["a"].value, corpus_fault="no such")
    with pytest.raises(UsageError, match="found none of 1"):
        nodes.turn_to(second)
    cluster.greetings["a"].value = replace(cluster.greetings["a"].value, corpus_fault=None)
    nodes.turn_to(first.corpus)
    nodes.turn_to(first.corpus)
    assert {place.raylet for place in nodes.fleet.places} == {"a"}
    name = first.corpus.path.name
    assert greeted == [f"a {name}", "a another", f"a {name}"]
