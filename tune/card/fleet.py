"""Where trials run if there is more than one place: which card or machine each one gets.

Pure: takes places, a trial and what the others reserve, gives the trial its place. A trial is bound
to its place when it is suggested and may have to wait there. One that waits counts as one that
runs, so that nobody who comes later takes its memory.

A trial goes to the smallest card that holds it, so that large ones stay free for large trials, and
of equal cards to the emptiest, because trials on one card take turns. Only where all of those are
taken it goes to a larger card, and then to the fullest, so that the others come free as a whole.
"""

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from models.footprint.predict import micro_batches
from tune.card.correction import memory_correction
from tune.card.packing import LOOK_AHEAD
from tune.card.place import SLACK, Place
from tune.trial.record import TrialRecord
from tune.trial.spec import Placement, TrialSpec

PLACES_PER_WAITING = 10
NOT_FULL = 0.75
"""Further trials are suggested while trials wait at fewer than one in ten places, or while one is
filled to three quarters at most. Of one in twenty, in ten, in five and no limit, one in ten kept a
simulated cluster the fullest (benchmarks.cluster_night)."""


@dataclass(frozen=True)
class Fleet:
    """All places that the trials of a study may run at.

    Attributes:
        places: The places, each with another name; without any nothing can be placed.
        max_concurrent: Most trials side by side over all of them; None for as many as they take.

    Example:
        >>> from tune.card.device import Card
        >>> from tune.card.packing import Packing
        >>> card = Card("cuda", "pretend", 8192, 8000)
        >>> packing = Packing(card, 0.1, max_concurrent=4, num_cores=8)
        >>> fleet = Fleet((Place("a", "node1", packing), Place("b", "node1", packing)))
        >>> fleet.num_slots, fleet.num_hosts
        (8, 1)
    """

    places: tuple[Place, ...]
    max_concurrent: int | None = None

    @property
    def num_hosts(self) -> int:
        """Machines that the places are on."""
        return len({place.host for place in self.places})

    @property
    def num_cards(self) -> int:
        """CUDA cards of all places."""
        return sum(place.num_cards for place in self.places if place.packing.num_gpus)

    @property
    def num_slots(self) -> int:
        """Most trials side by side, as far as the places and the study allow."""
        return min(self._offered_slots, self.max_concurrent or self._offered_slots)

    @property
    def max_live(self) -> int:
        """Trials that run or wait to be placed.

        None waits where the study allows fewer than the places do: it would run.
        """
        waits = self.num_cards > 0 and self.num_slots == self._offered_slots
        return self.num_slots + (LOOK_AHEAD if waits else 0)

    def takes_more(self, live: Collection[Placement]) -> bool:
        """Return whether a further trial may be suggested now.

        Trials that wait know nothing of results that are on their way. Some must, so that small
        trials reach what large ones leave free: at a few places, or as long as one is not full.

        Args:
            live: What all trials that run or wait reserve.
        """
        shares = _shares(self.places, live)
        with_waiting = sum(not place.holds(shares[place.raylet]) for place in self.places)
        fillings = (place.filling(shares[place.raylet]) for place in self.places)
        emptiest = min(fillings, default=1.0)
        most = max(LOOK_AHEAD, len(self.places) // PLACES_PER_WAITING)
        return len(live) < self.max_live and (with_waiting < most or emptiest <= NOT_FULL)

    def place(self, spec: TrialSpec, live: Iterable[Placement]) -> TrialSpec:
        """Return a trial with its place, micro-batch and reservation, or why it cannot run.

        It trains with whole batches if any place holds them, else with the largest micro-batches.
        Where no such place has room now, it waits at the one that is the least filled.

        Args:
            spec: The trial.
            live: What all trials that run or wait reserve.
        """
        for images in micro_batches(spec.train.batch_size):
            micro_batch = None if images == spec.train.batch_size else images
            asked = replace(spec, train=replace(spec.train, micro_batch=micro_batch))
            options = self._holding(asked)
            if options:
                return _bind(asked, _choose(options, live))
        return self.largest.packing.place(spec)

    def reserve_again(self, spec: TrialSpec, live: Iterable[Placement]) -> TrialSpec:
        """Return a trial that continues with a place and a reservation; its micro-batch stays.

        What does not fit anywhere any more reserves all that can be of the largest place.

        Args:
            spec: The trial.
            live: What all other trials that run or wait reserve.
        """
        most_mib = self.largest.packing.trial_mib
        options = self._holding(spec) or [
            (place, place.packing.share(most_mib))
            for place in self.places
            if place.packing.trial_mib == most_mib
        ]
        return _bind(spec, _choose(options, live))

    def waits_for_others(self, placement: Placement, live: Iterable[Placement]) -> bool:
        """Return whether a trial waits for other jobs while a place of the same kind has room.

        Args:
            placement: What it was given.
            live: What all trials that run or wait reserve.
        """
        here = next((one for one in self.places if one.raylet == placement.raylet), None)
        if here is None or here.holds([here.share(placement)]):
            return False
        alike = [one for one in self.places if (one.card, one.size) == (here.card, here.size)]
        shares = _shares(alike, live)
        return any(
            one.holds([*shares[one.raylet], one.share(placement)])
            for one in alike
            if one is not here
        )

    def side_by_side(self, spec: TrialSpec) -> int:
        """Return how many trials like a placed one run beside each other; 0 for a rejected one."""
        if spec.placement.rejection is not None:
            return 0
        counts = (
            min(place.packing.max_concurrent, place.num_cards * int(1 / share + SLACK))
            for place, share in self._holding(spec)
        )
        return min(self.num_slots, sum(counts))

    def corrected(self, records: Iterable[TrialRecord]) -> "Fleet":
        """Return the fleet with packings that have learnt from the trials on cards of their kind.

        Trials of earlier releases, which do not say on which card they ran, count for all.
        """
        known = list(records)
        corrections = {
            card: memory_correction(
                record for record in known if record.spec.placement.card in {None, card}
            )
            for card in {place.card for place in self.places}
        }
        places = (
            replace(place, packing=replace(place.packing, correction=corrections[place.card]))
            for place in self.places
        )
        return replace(self, places=tuple(places))

    def without(self, raylet: str) -> "Fleet":
        """Return the fleet without a place."""
        left = (place for place in self.places if place.raylet != raylet)
        return replace(self, places=tuple(left))

    def with_places(self, places: Iterable[Place]) -> "Fleet":
        """Return the fleet with further places; of two with one name the new one stands."""
        named = {place.raylet: place for place in (*self.places, *places)}
        return replace(self, places=tuple(named.values()))

    @property
    def _offered_slots(self) -> int:
        """Most trials side by side, as far as the places and other jobs allow."""
        return sum(
            max(0, place.packing.max_concurrent - place.taken_slots) for place in self.places
        )

    @property
    def largest(self) -> Place:
        """The place where a single trial can reserve the most."""
        return max(self.places, key=lambda place: place.packing.trial_mib)

    @cached_property
    def _alike(self) -> tuple[tuple[Place, ...], ...]:
        """Places in groups for which the same memory is predicted; there are few such groups."""
        found: dict[Hashable, list[Place]] = {}
        for place in self.places:
            packing = place.packing
            predicts = packing.card.device, packing.calibration, packing.correction
            found.setdefault(predicts, []).append(place)
        return tuple(map(tuple, found.values()))

    def _holding(self, spec: TrialSpec) -> list["Option"]:
        """Return the places that hold a trial with the micro-batch that it has."""
        options = []
        for places in self._alike:
            needed_mib = places[0].packing.needed_mib(spec)
            options += [
                (place, place.packing.share(needed_mib))
                for place in places
                if needed_mib <= place.packing.trial_mib
            ]
        return options


Option = tuple[Place, float]
"""A place, and the share of it that a trial would reserve there."""


def _choose(options: Sequence[Option], live: Iterable[Placement]) -> Place:
    """Return the best place with room now, or else the one that is the least filled."""
    places = [place for place, _ in options]
    shares = _shares(places, live)
    filling = {place.raylet: place.filling(shares[place.raylet]) for place in places}
    free = [place for place, share in options if place.holds([*shares[place.raylet], share])]
    if not free:
        return min(places, key=lambda one: (filling[one.raylet], one.size, one.raylet or ""))
    smallest = min(place.size for place in places)

    def taste(one: Place) -> tuple[tuple[bool, int], float, str]:
        filled = filling[one.raylet]
        return one.size, filled if one.size == smallest else -filled, one.raylet or ""

    return min(free, key=taste)


def _shares(places: Iterable[Place], live: Iterable[Placement]) -> dict[str | None, list[float]]:
    """Return what trials reserve of each place, by its name."""
    named = {place.raylet: place for place in places}
    shares: dict[str | None, list[float]] = {name: [] for name in named}
    for placement in live:
        if placement.raylet in named:
            shares[placement.raylet].append(named[placement.raylet].share(placement))
    return shares


def _bind(spec: TrialSpec, place: Place) -> TrialSpec:
    """Return a trial with its reservation at a place."""
    reserved = place.packing.reserve_again(spec)
    placement = replace(reserved.placement, host=place.host, card=place.card, raylet=place.raylet)
    return replace(reserved, placement=placement, device=place.packing.card.device)
