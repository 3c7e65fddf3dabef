"""Nodes that are asked whether they may train, from the greeting to the answer.

A node is greeted by a task of its own, which reserves nothing. It may train when it has the
driver's versions, sees the driver's results folder and has the study's corpus; where files travel,
it sees nothing and is sent the corpus. One that does not answer, or may not, is named once and left
out.
"""

import platform
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayError

from tune.engine.node import Greeting, NodeFacts, Question, greet, on_node
from tune.engine.places import Asked, make_place, versions_fault
from tune.engine.processes import first_line
from tune.engine.staging import OpenDesk, Stage, copy_corpus
from tune.storage.probe import Probe, compare, open_probe, refusal
from tune.storage.stage import corpus_mib

GREETING_S = 60.0
"""Time that a node has to answer: its first task starts a process, which imports torch."""

MOST_GREETINGS = 3
"""Times that a node is asked whose answer breaks."""


@dataclass
class Joining:
    """A node that was greeted and has not answered yet, or has, and is sent the corpus.

    Attributes:
        answer: What it will answer, to greeting or corpus.
        probe: What it was asked to look at; None for nothing.
        stack: Keeps the probe.
        facts: What it is, once it is sent the corpus.
        num_asked: How often it was greeted.
    """

    answer: Any
    probe: Probe | None
    stack: ExitStack = field(default_factory=ExitStack)
    facts: NodeFacts | None = None
    num_asked: int = 1


class Members:
    """Who may train, and who was greeted and has not answered yet.

    Attributes:
        facts: What each node is that may train, by Ray's name.
        doubted: The same of those that are asked again.
        left_out: Names of those that may not.
        asked: What a study asks of them; None before there is one.

    Args:
        say: Shows a sentence.
        scratch: Folder on every node for what travels; None where nodes see the driver's folders.
    """

    def __init__(self, say: Callable[[str], None], scratch: str | None) -> None:
        self.facts: dict[str, NodeFacts] = {}
        self.doubted: dict[str, NodeFacts] = {}
        self.left_out: set[str] = set()
        self._say = say
        self._scratch = scratch
        self._desk: OpenDesk | None = None
        self.asked: Asked | None = None
        self._joining: dict[str, Joining] = {}
        self._has_begun = False

    @property
    def stage(self) -> Stage | None:
        """How trials get at the driver's files; None where nodes see them."""
        return None if self._desk is None else self._desk.stage

    def begin(self, asked: Asked) -> None:
        """Ask every node anew, now for a study.

        Raises:
            UsageError: If files that must travel cannot.
        """
        self.asked = asked
        self._has_begun = False
        if self._scratch is not None:
            self._desk = self._desk or OpenDesk(self._scratch)
            self._desk.check(asked.results)
        self.facts.clear()
        self.left_out.clear()
        self.wait_for(training_nodes())
        self._has_begun = bool(self.facts)

    def wait_for(self, nodes: dict[str, dict[str, float]]) -> None:
        """Greet nodes and take the answers of all, or name who does not answer.

        A copy takes as long as it takes; Ray says when its node dies.
        """
        self.greet(nodes)
        end_s = time.monotonic() + GREETING_S
        while self._joining:
            left_s = max(0.0, end_s - time.monotonic())
            silent = [raylet for raylet, one in self._joining.items() if one.facts is None]
            for raylet in silent if not left_s else ():
                self._refuse(raylet, f"node {raylet[:8]} did not answer within {GREETING_S:.0f} s")
            answers = [one.answer for one in self._joining.values()]
            if answers:
                ray.wait(answers, timeout=left_s if silent and left_s else None)
            self._take_answers()

    def let_go(self, alive: dict[str, dict[str, float]]) -> None:
        """Forget who has left the cluster."""
        for known in (self.facts, self.doubted):
            for raylet in [one for one in known if one not in alive]:
                self._say(f"node {known.pop(raylet).host} has left the cluster")
        for raylet in [one for one in self._joining if one not in alive]:
            self._joining.pop(raylet).stack.close()

    def greet_newcomers(self) -> None:
        """Greet who has come, and take the answers that are there."""
        asked = {*self.facts, *self._joining, *self.left_out}
        nodes = training_nodes().items()
        self.greet({raylet: node for raylet, node in nodes if raylet not in asked})
        self._take_answers()

    def doubt(self, raylet: str) -> None:
        """Let a node train again only when it has answered again."""
        resources = alive_nodes().get(raylet)
        self.doubted[raylet] = self.facts.pop(raylet)
        if resources is not None:
            self.greet({raylet: resources})

    def close(self) -> None:
        """Forget who has not answered."""
        for joining in self._joining.values():
            joining.stack.close()
        self._joining.clear()

    def greet(self, nodes: dict[str, dict[str, float]]) -> None:
        """Ask nodes, each with what it declares, what they are and what they have."""
        for raylet, resources in nodes.items():
            stack = ExitStack()
            question = None if self.asked is None else self._question(self.asked, stack)
            answer = ask(raylet, resources, question)
            probe = None if question is None else question.probe
            self._joining[raylet] = Joining(answer, probe, stack)

    def _question(self, asked: Asked, stack: ExitStack) -> Question:
        is_seen = self._scratch is None
        return Question(
            stack.enter_context(open_probe(asked.results)) if is_seen else None,
            str(asked.corpus.path.absolute()),
            asked.corpus.info.fingerprint,
            asked.corpus.info.split_fingerprint,
            platform.node(),
            self._scratch,
        )

    def _send_corpus(self, raylet: str, facts: NodeFacts) -> None:
        """Let a node copy the corpus if it can train; of one machine's nodes one copies."""
        assert self.asked is not None
        if make_place(facts, self.asked) is None:
            self._join(raylet, facts)
            return
        what = f"the corpus ({corpus_mib(self.asked.corpus):.0f} MiB)"
        if self.asked.is_dry:
            self._say(f"{what} would be copied to node {facts.host}")
            self._join(raylet, facts)
            return
        if facts.host not in {one.facts.host for one in self._joining.values() if one.facts}:
            self._say(f"copying {what} to node {facts.host}")
        path = str(self.asked.corpus.path.absolute())
        joining = self._joining[raylet]
        joining.answer = start_there(raylet, copy_corpus, self.stage, path)
        joining.facts = facts

    def _take_answers(self) -> None:
        for raylet, joining in list(self._joining.items()):
            ready, _ = ray.wait([joining.answer], timeout=0)
            if not ready:
                continue
            try:
                answer: Greeting | str | None = ray.get(joining.answer)
            except RayError as error:
                self._ask_again(raylet, error)
                continue
            if isinstance(answer, Greeting):
                fault, facts = self._fault(answer, joining.probe), answer.facts
            else:
                assert joining.facts is not None
                fault, facts = answer, joining.facts
            if fault is not None:
                self._refuse(raylet, fault)
            elif isinstance(answer, Greeting) and answer.lacks_corpus:
                self._send_corpus(raylet, facts)
            else:
                self._join(raylet, facts)

    def _ask_again(self, raylet: str, error: RayError) -> None:
        """Greet a node once more whose answer broke, or refuse it.

        Nodes of one machine unpack our code into one folder, one after the other: what runs there
        meanwhile may find it half.
        """
        resources, num_asked = alive_nodes().get(raylet), self._joining[raylet].num_asked
        if resources is None or num_asked == MOST_GREETINGS:
            self._refuse(raylet, f"node {raylet[:8]} did not answer ({first_line(error)})")
            return
        self._joining.pop(raylet).stack.close()
        self.greet({raylet: resources})
        self._joining[raylet].num_asked = num_asked + 1

    def _join(self, raylet: str, facts: NodeFacts) -> None:
        self._joining.pop(raylet).stack.close()
        is_new = self._has_begun and raylet not in self.doubted
        self.doubted.pop(raylet, None)
        self.facts[raylet] = facts
        if is_new:
            self._say(f"node {facts.host} has joined the cluster")

    def _fault(self, greeting: Greeting, probe: Probe | None) -> str | None:
        facts = greeting.facts
        if (fault := versions_fault(facts)) is not None:
            return fault
        if greeting.corpus_fault is not None:
            return greeting.corpus_fault
        if greeting.seen is None or probe is None:
            return None
        return refusal(probe, compare(probe, greeting.seen))

    def _refuse(self, raylet: str, fault: str) -> None:
        self._joining.pop(raylet).stack.close()
        self.left_out.add(raylet)
        if raylet not in self.doubted:
            self._say(f"left out: {fault}")


def alive_nodes() -> dict[str, dict[str, float]]:
    """Return what every living node declares, by Ray's name of it."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return {node["NodeID"]: node["Resources"] for node in nodes if node["Alive"]}


def training_nodes() -> dict[str, dict[str, float]]:
    """Return what every living node declares that has a core for trials, unlike most heads."""
    return {name: declared for name, declared in alive_nodes().items() if declared.get("CPU")}


def ask(raylet: str, resources: dict[str, float], question: Question | None) -> Any:
    """Greet a node; return what holds its answer when that has come."""
    return start_there(raylet, greet, raylet, resources, question)


def start_there(raylet: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function on a node, where it reserves nothing; return what will hold the answer."""
    task: Any = ray.remote(function)
    there = task.options(num_cpus=0, label_selector=on_node(raylet), max_retries=0)
    return there.remote(*arguments)
