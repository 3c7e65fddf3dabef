"""A night on a pretend cluster of 200 nodes and 1,000 cards: where trials go, who waits how long.

`python -m benchmarks.cluster_night` gives thousands of trials of mixed size and duration to the
search's own fleet (`tune.card.fleet`), with a simulated Ray: a trial starts where it is bound to as
soon as that place's counts allow, and may overtake larger ones that wait there. Nodes die and come
back; what ran there continues elsewhere. Nothing is trained; memory is predicted by the real
`models.footprint`, before the first decision, because a search pays for a prediction once, however
many places there are. Decisions are measured in time of the processor, without Python's full
garbage collections: those walk everything that torch has loaded, for a tenth of a second, whatever
they fall into.
"""

import argparse
import gc
import heapq
import math
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from models.footprint.predict import Calibration
from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.card.device import Card
from tune.card.fleet import Fleet
from tune.card.packing import Packing
from tune.card.place import Place
from tune.trial.spec import DataSpec, Placement, TrialSpec

CARD_NODES = ((8, 8, 50), (24, 5, 80), (80, 10, 20))
"""GiB of a card, cards of a node, nodes of the kind: 1,000 cards on 150 nodes."""
CPU_NODES, CPU_GIB = 50, 64
SLOTS = 8
"""Trials side by side on a card, or on a machine without."""
SIZES = (
    (16, 16, 60),
    (32, 32, 60),
    (64, 32, 60),
    (128, 32, 40),
    (128, 96, 20),
    (128, 256, 10),
    (128, 512, 3),
)
"""Base channels, batch size, how often: from a twelfth of the smallest card to all of the largest,
which is the only one that holds the last."""
MEDIAN_S, SPREAD, LEAST_S, MOST_S = 1800.0, 0.8, 120.0, 4 * 3600.0
"""Durations of trials: many are stopped early, a few run for hours."""
DEATH_EVERY_S = 900.0
"""Then a node dies, and the one that died before joins again."""


def main(argv: Sequence[str] | None = None) -> int:
    """Print what is required and what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster_night")
    parser.add_argument("--trials", type=int, default=8_000)
    parser.add_argument("--nodes", type=float, default=1.0, help="share of the 200 nodes")
    parser.add_argument("--seed", type=int, default=0, help="of sizes, durations and deaths")
    arguments = parser.parse_args(argv)
    fleet = make_fleet(arguments.nodes)
    night = Night(fleet, arguments.trials, random.Random(arguments.seed))
    night.run()
    print(
        f"{fleet.num_hosts} nodes, {fleet.num_cards} cards, {arguments.trials} trials in "
        f"{night.now_s / 3600:.1f} simulated hours; {night.num_deaths} nodes died, "
        f"{night.num_continued} trials of theirs went elsewhere\n"
    )
    print("| what | required | found | reached |")
    print("|---|---|---|---|")
    for what, required, found, is_reached in night.findings():
        print(f"| {what} | {required} | {found} | {'yes' if is_reached else 'no'} |")
    return 0


def make_fleet(share: float) -> Fleet:
    """Return a share of the nodes of each kind, at least one; each card is a place of its own."""
    places = [
        make_place("cuda", gib, node, index)
        for gib, num_cards, num_nodes in CARD_NODES
        for node in range(max(1, round(share * num_nodes)))
        for index in range(num_cards)
    ]
    places += [make_place("cpu", CPU_GIB, node, 0) for node in range(round(share * CPU_NODES))]
    return Fleet(tuple(places))


def make_place(device: str, gib: int, node: int, index: int) -> Place:
    """Return a card, or a machine without; no two have quite the same memory free."""
    total_mib = 1024.0 * gib
    card = Card(device, f"{device} of {gib} GiB", total_mib, 0.97 * total_mib - node - index / 10)
    calibration = Calibration(1.0, 300.0 + 3 * gib, 64.0) if device == "cuda" else None
    packing = Packing(card, 0.1, SLOTS, num_cores=16, calibration=calibration)
    host = f"{device}{gib}-{node}"
    return Place(f"{host}-{index}", host, packing)


def make_spec(base_channels: int, batch_size: int) -> TrialSpec:
    """Return a trial of a size, without a place."""
    return TrialSpec(
        study="night",
        number=0,
        model=ModelConfig("baseline", 16, base_channels),
        train=TrainConfig(batch_size=batch_size),
        data=DataSpec("none", 256, 0.05, 8, 0, "0" * 16, "1" * 16),
        device="cuda",
        proposed_by="searcher",
    )


@dataclass
class Trial:
    """A trial that runs or waits.

    Attributes:
        spec: With its place.
        left_s: How long it still takes when it starts.
        asked_s: Since when it waits, or when it began to.
        started_s: When it started; None while it waits.
    """

    spec: TrialSpec
    left_s: float
    asked_s: float
    started_s: float | None = None

    @property
    def placement(self) -> Placement:
        """What it reserves, and where."""
        return self.spec.placement

    @property
    def end_s(self) -> float:
        """When it ends, if nothing happens to it."""
        return math.inf if self.started_s is None else self.started_s + self.left_s


@dataclass
class Raylet:
    """What the simulated Ray knows of a place."""

    place: Place
    waiting: list[Trial] = field(default_factory=list)
    running: list[Trial] = field(default_factory=list)

    def start(self, now_s: float) -> list[Trial]:
        """Start whatever fits, the oldest first, and return it; larger ones are overtaken."""
        started = [trial for trial in self.waiting if self._take(trial, now_s)]
        self.waiting = [trial for trial in self.waiting if trial.started_s is None]
        return started

    def _take(self, trial: Trial, now_s: float) -> bool:
        share = self.place.share(trial.placement)
        has_slot = len(self.running) < self.place.packing.max_concurrent
        if not has_slot or sum(self.shares) + share > 1 + 1e-9:
            return False
        trial.started_s = now_s
        self.running.append(trial)
        return True

    @property
    def shares(self) -> list[float]:
        """What those that run reserve."""
        return [self.place.share(trial.placement) for trial in self.running]

    @property
    def filling(self) -> float:
        """Part of its memory or slots, the larger one, that is reserved by those that run."""
        return self.place.filling(self.shares)

    @property
    def is_overbooked(self) -> bool:
        """Whether those that run are predicted to need more than there is, or are too many."""
        packing = self.place.packing
        needed_mib = sum(packing.needed_mib(trial.spec) for trial in self.running)
        is_too_much = needed_mib > packing.usable_mib + 1e-6
        return is_too_much or len(self.running) > packing.max_concurrent


class Night:
    """One simulated search.

    Args:
        fleet: The places at its beginning.
        num_trials: Trials of the search.
        chance: Draws sizes, durations and which node dies.
    """

    def __init__(self, fleet: Fleet, num_trials: int, chance: random.Random) -> None:
        self.fleet = fleet
        self.num_trials = num_trials
        self.chance = chance
        self.now_s = 0.0
        self.num_suggested = self.num_deaths = self.num_continued = self.num_overbooked = 0
        self.live: dict[int, Trial] = {}
        self.decisions_s: list[float] = []
        self.waits_s: list[float] = []
        self.durations_s: list[float] = []
        self._raylets = {place.raylet: Raylet(place) for place in fleet.places}
        self._filling = dict.fromkeys(self._raylets, 0.0)
        self._ends: list[tuple[float, int]] = []
        self._dead: list[Place] = []
        self._num_waiting = 0
        self._with_waiting_s = self._reserved_s = 0.0

    def run(self) -> None:
        """Play the night to its end."""
        specs = [make_spec(base_channels, batch_size) for base_channels, batch_size, _ in SIZES]
        for spec in specs:
            self.fleet.place(spec, [])
        gc.freeze()
        self._play(specs)
        gc.unfreeze()

    def _play(self, specs: Sequence[TrialSpec]) -> None:
        death_s = DEATH_EVERY_S
        self._suggest(specs)
        while self.live:
            assert self._ends, "a trial waits for ever"
            if death_s < self._ends[0][0]:
                self._pass_time(death_s)
                self._exchange_nodes()
                death_s += DEATH_EVERY_S
            else:
                self._end_next()
            self._suggest(specs)

    def findings(self) -> list[tuple[str, str, str, bool]]:
        """Return rows of a table: what, what is required, what was found, whether it is reached."""
        ms = sorted(1000 * decision_s for decision_s in self.decisions_s)
        late = ms[math.ceil(0.99 * len(ms)) - 1]
        waited_s, longest_s = max(self.waits_s), max(self.durations_s)
        has_waited = self._with_waiting_s > 0
        reserved = self._reserved_s / self._with_waiting_s if has_waited else math.nan
        return [
            (
                "placing a trial, median, 99 % and longest",
                "< 50 ms",
                f"{statistics.median(ms):.1f}, {late:.1f} and {ms[-1]:.1f} ms",
                ms[-1] < 50,
            ),
            (
                "reserved while trials wait, of memory or slots, mean over places",
                ">= 90 %",
                f"{100 * reserved:.1f} %" if has_waited else "none waited",
                reserved >= 0.9,
            ),
            (
                "starts that overbooked a place",
                "0",
                str(self.num_overbooked),
                self.num_overbooked == 0,
            ),
            (
                "longest wait, against the longest trial",
                "no longer",
                f"{waited_s / 60:.0f} of {longest_s / 60:.0f} min",
                waited_s <= longest_s,
            ),
        ]

    def _suggest(self, specs: Sequence[TrialSpec]) -> None:
        """Suggest and place trials while the fleet takes more."""
        while self.num_suggested < self.num_trials and self.fleet.takes_more(self._placements()):
            (spec,) = self.chance.choices(specs, [weight for *_, weight in SIZES])
            drawn_s = self.chance.lognormvariate(math.log(MEDIAN_S), SPREAD)
            left_s = min(MOST_S, max(LEAST_S, drawn_s))
            self.durations_s.append(left_s)
            self._decide(self.fleet.place, replace(spec, number=self.num_suggested), left_s)
            self.num_suggested += 1

    def _placements(self) -> list[Placement]:
        return [trial.placement for trial in self.live.values()]

    def _decide(
        self,
        decide: Callable[[TrialSpec, Sequence[Placement]], TrialSpec],
        spec: TrialSpec,
        left_s: float,
    ) -> None:
        """Place a trial, with a clock beside; it starts at once if there is room."""
        live = self._placements()
        began_s = time.thread_time()
        placed = decide(spec, live)
        self.decisions_s.append(time.thread_time() - began_s)
        trial = Trial(placed, left_s, self.now_s)
        self.live[spec.number] = trial
        self._raylets[placed.placement.raylet].waiting.append(trial)
        self._num_waiting += 1
        self._start_at(placed.placement.raylet)

    def _start_at(self, name: str | None) -> None:
        raylet = self._raylets[name]
        for trial in raylet.start(self.now_s):
            self._num_waiting -= 1
            self.waits_s.append(self.now_s - trial.asked_s)
            heapq.heappush(self._ends, (trial.end_s, trial.spec.number))
            self.num_overbooked += raylet.is_overbooked
        self._filling[name] = raylet.filling

    def _end_next(self) -> None:
        """Go on to the next end; those of trials that were moved since are no ends."""
        end_s, number = heapq.heappop(self._ends)
        trial = self.live.get(number)
        if trial is None or trial.end_s != end_s:
            return
        self._pass_time(end_s)
        del self.live[number]
        name = trial.placement.raylet
        self._raylets[name].running.remove(trial)
        self._start_at(name)

    def _exchange_nodes(self) -> None:
        """Let the node that died before join again, and another one die with all its places."""
        self.fleet = self.fleet.with_places(self._dead)
        self._raylets.update({place.raylet: Raylet(place) for place in self._dead})
        hosts = sorted({place.host for place in self.fleet.places})
        host = self.chance.choice(hosts)
        self._dead = [place for place in self.fleet.places if place.host == host]
        lost: list[Trial] = []
        for place in self._dead:
            raylet = self._raylets.pop(place.raylet)
            self._filling.pop(place.raylet, None)
            self._num_waiting -= len(raylet.waiting)
            lost += [*raylet.running, *raylet.waiting]
            assert place.raylet is not None
            self.fleet = self.fleet.without(place.raylet)
        self.num_deaths += 1
        self.num_continued += len(lost)
        for trial in lost:
            del self.live[trial.spec.number]
        for trial in lost:
            self._decide(
                self.fleet.reserve_again, trial.spec, min(trial.left_s, trial.end_s - self.now_s)
            )

    def _pass_time(self, until_s: float) -> None:
        """Let time pass, and note what is reserved if trials wait and more are to come."""
        if self._num_waiting and self.num_suggested < self.num_trials:
            self._with_waiting_s += until_s - self.now_s
            reserved = sum(self._filling.values()) / len(self._raylets)
            self._reserved_s += (until_s - self.now_s) * reserved
        self.now_s = until_s


if __name__ == "__main__":
    raise SystemExit(main())
