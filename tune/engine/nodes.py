"""The nodes of a cluster while a command uses it: who may train, as nodes come and go.

A node is greeted by a task of its own, which reserves nothing. It may train when it has the
driver's versions, sees the driver's results folder and has the study's corpus; where files travel,
it sees nothing and is sent the corpus. One that does not answer, or may not, is named once and left
out.
"""

import math
import platform
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import RayError

from models.footprint.predict import Calibration
from tune.card.fleet import Fleet, Place
from tune.card.packing import Packing
from tune.config.machine import Machine
from tune.engine.attach import Attached
from tune.engine.drivers import num_drivers
from tune.engine.node import Greeting, NodeFacts, Question, greet, on_node
from tune.engine.places import Asked, leave_to_others, make_place, versions_fault
from tune.engine.processes import first_line
from tune.engine.staging import OpenDesk, Stage, copy_corpus
from tune.errors import UsageError
from tune.storage.probe import Probe, compare, open_probe, refusal
from tune.storage.stage import corpus_mib
from tune.trial.spec import Placement

GREETING_S = 60.0
"""Time that a node has to answer: its first task starts a process, which imports torch."""

MOST_GREETINGS = 3
"""Times that a node is asked whose answer breaks."""

REFRESH_S = 5.0
"""Time between two looks at who has come and who has gone."""


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


class Nodes:
    """The nodes that may train.

    Attributes:
        facts: What each of them is, by Ray's name.
        fleet: Their places, as soon as it is known what is asked of them.
        dashboard: Address of the cluster's dashboard; None if it is not told.
        head: Watches whether the cluster's head is there.

    Args:
        say: Shows a sentence.
        there: The cluster.
        unreserved: Returns what nobody reserves of every node now; nothing where that is unknown.
        scratch: Folder on every node for what travels; None where nodes see the driver's folders.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        there: Attached,
        unreserved: Callable[[], dict[str, dict[str, float]]] = dict,
        scratch: str | None = None,
    ) -> None:
        self.dashboard = there.dashboard
        self.head = there.head
        self.facts: dict[str, NodeFacts] = {}
        self.fleet: Fleet | None = None
        self._say = say
        self._unreserved = unreserved
        self._scratch = scratch
        self._desk: OpenDesk | None = None
        self._asked: Asked | None = None
        self._calibrations: dict[str, Calibration] = {}
        self._joining: dict[str, Joining] = {}
        self._left_out: set[str] = set()
        self._doubted: dict[str, NodeFacts] = {}
        self._next_s = 0.0

    @property
    def stage(self) -> Stage | None:
        """How trials get at the driver's files; None where nodes see them."""
        return None if self._desk is None else self._desk.stage

    def meet(self) -> None:
        """Find out what all nodes are.

        Raises:
            UsageError: If none answers that has the driver's versions.
        """
        self._greet(training_nodes())
        self._wait()
        if not self.facts:
            raise UsageError(
                "a cluster needs a node that trials can run on, found none that answers with the "
                "driver's versions: `ray status` on its head lists them"
            )

    def machine(self, device: str) -> Machine:
        """Return what a profile needs to know of the cluster.

        Args:
            device: "auto" takes the cards where any node has one.

        Raises:
            UsageError: If no node has what is asked for.
        """
        with_cards = [one for one in self.facts.values() if one.cards]
        if device == "cuda" and not with_cards:
            raise UsageError(
                "--device cuda needs a node with a CUDA card, found none in the cluster: start one "
                "there with `python -m tune.node`, or use --device cpu"
            )
        if device == "cpu" or not with_cards:
            return Machine("cpu", sum(one.num_cores for one in self.facts.values()))
        return Machine("cuda", sum(one.num_cores for one in with_cards))

    def admit(self, asked: Asked) -> Fleet:
        """Ask every node for the study's folders; return the places of those that have them.

        Raises:
            UsageError: If there is none, or files that must travel cannot.
        """
        self._asked = asked
        if self._scratch is not None:
            self._desk = self._desk or OpenDesk(self._scratch)
            self._desk.check(asked.results)
        self._forget()
        before = len(self._left_out)
        self._greet(training_nodes())
        self._wait()
        if self.fleet is None:
            num_left_out = len(self._left_out) - before
            raise UsageError(
                f"a study on a cluster needs a node that can train {asked.device} trials, found "
                f"none of {len(self.facts) + num_left_out}: see what was left out above, or "
                "`ray status` on its head"
            )
        return self.fleet

    def refresh(self, live: Collection[Placement] = ()) -> None:
        """Take in who has come, let go of who has gone, and leave to other jobs what they reserve.

        Does nothing within seconds of the last time.

        Args:
            live: What trials of ours reserve that run or wait.
        """
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + REFRESH_S
        alive = alive_nodes()
        for known in (self.facts, self._doubted):
            for raylet in [one for one in known if one not in alive]:
                self._say(f"node {known.pop(raylet).host} has left the cluster")
        for raylet in [one for one in self._joining if one not in alive]:
            self._joining.pop(raylet).stack.close()
        asked = {*self.facts, *self._joining, *self._left_out}
        nodes = training_nodes().items()
        self._greet({raylet: node for raylet, node in nodes if raylet not in asked})
        self._take_answers()
        self._place()
        self._leave_to_others(alive, live)

    def doubt(self, raylet: str | None) -> None:
        """Use a node whose worker died only when it has answered again: it may have died too.

        Ray notices the death of a node after half a minute.
        """
        if raylet in self.facts:
            resources = alive_nodes().get(raylet)
            self._doubted[raylet] = self.facts.pop(raylet)
            if resources is not None:
                self._greet({raylet: resources})
            self._place()

    def has(self, raylet: str | None) -> bool:
        """Return whether a place is there that a trial was given."""
        return self.fleet is not None and raylet in {one.raylet for one in self.fleet.places}

    def has_a_better_one(self, placement: Placement, live: Collection[Placement]) -> bool:
        """Return whether a trial that waits should be given another place.

        Its own one is gone, or other jobs fill it while another one has room.

        Args:
            placement: What it was given.
            live: What all trials that run or wait reserve.
        """
        if not self.has(placement.raylet):
            return True
        assert self.fleet is not None
        return self.fleet.waits_for_others(placement, live)

    def have_room(self, live: Collection[Placement]) -> bool:
        """Return whether one more trial may run or wait.

        Args:
            live: What those reserve that do.
        """
        return self.fleet is not None and bool(self.fleet.places) and self.fleet.takes_more(live)

    def close(self) -> None:
        """Forget who has not answered."""
        for joining in self._joining.values():
            joining.stack.close()
        self._joining.clear()

    def _forget(self) -> None:
        self.fleet = None
        self.facts.clear()

    def _greet(self, nodes: dict[str, dict[str, float]]) -> None:
        for raylet, resources in nodes.items():
            stack = ExitStack()
            question = None if self._asked is None else self._question(self._asked, stack)
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
        assert self._asked is not None
        if make_place(facts, self._asked) is None:
            self._join(raylet, facts)
            return
        what = f"the corpus ({corpus_mib(self._asked.corpus):.0f} MiB)"
        if self._asked.is_dry:
            self._say(f"{what} would be copied to node {facts.host}")
            self._join(raylet, facts)
            return
        if facts.host not in {one.facts.host for one in self._joining.values() if one.facts}:
            self._say(f"copying {what} to node {facts.host}")
        path = str(self._asked.corpus.path.absolute())
        joining = self._joining[raylet]
        joining.answer = start_there(raylet, copy_corpus, self.stage, path)
        joining.facts = facts

    def _wait(self) -> None:
        """Take the answers of all that were greeted, or name who does not answer.

        A copy takes as long as it takes; Ray says when its node dies.
        """
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
        self._place()

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
        self._greet({raylet: resources})
        self._joining[raylet].num_asked = num_asked + 1

    def _join(self, raylet: str, facts: NodeFacts) -> None:
        self._joining.pop(raylet).stack.close()
        is_new = self.fleet is not None and raylet not in self._doubted
        self._doubted.pop(raylet, None)
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
        self._left_out.add(raylet)
        if raylet not in self._doubted:
            self._say(f"left out: {fault}")

    def _place(self) -> None:
        """Make the places of who may train, and of them this driver's share."""
        if self._asked is None:
            return
        asked = self._asked
        found = [make_place(one, asked) for one in self.facts.values()]
        places = tuple(self._calibrated(place) for place in found if place is not None)
        if not places:
            self.fleet = None if self.fleet is None else replace(self.fleet, places=())
            return
        whole = Fleet(places, asked.max_concurrent)
        share = math.ceil(whole.num_slots / max(1, num_drivers()))
        self.fleet = replace(whole, max_concurrent=share)

    def _leave_to_others(
        self, declared: dict[str, dict[str, float]], live: Collection[Placement]
    ) -> None:
        if self.fleet is None:
            return
        unreserved = self._unreserved()
        self.fleet = self.fleet.with_places(
            leave_to_others(place, declared[place.raylet], unreserved[place.raylet], live)
            for place in self.fleet.places
            if place.raylet in declared and place.raylet in unreserved
        )

    def _calibrated(self, place: Place) -> Place:
        calibration = self._calibrations.get(place.card or "")
        return replace(place, packing=replace(place.packing, calibration=calibration))

    def calibrate(self, calibrated: Callable[[Packing, Placement], Packing]) -> None:
        """Calibrate predicted memory on one card of each kind.

        A kind of card that joins later is predicted with the assumptions of `models.footprint`.

        Args:
            calibrated: Returns the packing of a card with its calibration, measured at a place.
        """
        assert self.fleet is not None
        for place in self.fleet.places:
            if place.card is None or place.card in self._calibrations:
                continue
            whole = Placement(gpu_fraction=1.0, raylet=place.raylet)
            calibration = calibrated(place.packing, whole).calibration
            if calibration is not None:
                self._calibrations[place.card] = calibration
        self._place()


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
