"""The nodes of a cluster while a command uses it: what they offer, as nodes come and go."""

import math
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from data.dataset import Corpus
from models.footprint.predict import Calibration
from tune.card.fleet import Fleet
from tune.card.packing import Packing
from tune.card.place import Place
from tune.config.machine import Machine
from tune.engine.attach import Attached
from tune.engine.drivers import num_drivers
from tune.engine.joining import Members, alive_nodes, training_nodes
from tune.engine.node import NodeFacts
from tune.engine.places import Asked, leave_to_others, make_place
from tune.engine.staging import Stage
from tune.errors import UsageError
from tune.trial.spec import Placement

REFRESH_S = 5.0
"""Time between two looks at who has come and who has gone."""


class Nodes:
    """The nodes that may train.

    Attributes:
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
        self.fleet: Fleet | None = None
        self._unreserved = unreserved
        self._members = Members(say, scratch)
        self._calibrations: dict[str, Calibration] = {}
        self._next_s = 0.0

    @property
    def facts(self) -> dict[str, NodeFacts]:
        """What each node is that may train, by Ray's name."""
        return self._members.facts

    @property
    def stage(self) -> Stage | None:
        """How trials get at the driver's files; None where nodes see them."""
        return self._members.stage

    def meet(self) -> None:
        """Find out what all nodes are.

        Raises:
            UsageError: If none answers that has the driver's versions.
        """
        self._members.wait_for(training_nodes())
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
        self.fleet = None
        self._members.begin(asked)
        fleet = self._place()
        if fleet is None:
            num_asked = len(self.facts) + len(self._members.left_out)
            raise UsageError(
                f"a study on a cluster needs a node that can train {asked.device} trials, found "
                f"none of {num_asked}: see what was left out above, or "
                "`ray status` on its head"
            )
        return fleet

    def turn_to(self, corpus: Corpus) -> None:
        """Ask the nodes for the corpus of the study that begins, if they were asked for another.

        Raises:
            UsageError: If none has it.
        """
        asked = self._members.asked
        assert asked is not None, "a study is planned on nodes that were asked"
        if asked.corpus.path != corpus.path:
            self.admit(replace(asked, corpus=corpus))

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
        self._members.let_go(alive)
        self._members.greet_newcomers()
        self._place()
        self._leave_to_others(alive, live)

    def doubt(self, raylet: str | None) -> None:
        """Use a node whose worker died only when it has answered again: it may have died too.

        Ray notices the death of a node after half a minute.
        """
        if raylet is not None and raylet in self.facts:
            self._members.doubt(raylet)
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
        self._members.close()

    def _place(self) -> Fleet | None:
        """Make the places of who may train, and of them this driver's share; return them."""
        asked = self._members.asked
        if asked is None:
            return None
        found = [make_place(one, asked) for one in self.facts.values()]
        places = tuple(self._calibrated(place) for place in found if place is not None)
        whole = Fleet(places, asked.max_concurrent)
        share = math.ceil(whole.num_slots / max(1, num_drivers()))
        if places:
            self.fleet = replace(whole, max_concurrent=share)
        elif self.fleet is not None:
            self.fleet = replace(self.fleet, places=())
        return self.fleet

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
