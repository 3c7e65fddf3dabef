"""What a study asks of the nodes of a cluster, and what makes a node a place. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from data.dataset import Corpus
from tune.card.packing import Packing
from tune.card.place import Place
from tune.config.profiles import MAX_CUDA_WORKERS
from tune.engine.node import NodeFacts, own_versions
from tune.errors import UsageError
from tune.trial.spec import Placement

NUM_DIGITS = 6
"""Of a share of a place: Ray counts in ten-thousandths."""


@dataclass(frozen=True)
class Asked:
    """What a study asks of its nodes.

    Attributes:
        results: The results folder.
        corpus: The corpus that trials read.
        device: Where trials train.
        headroom: Share of a place's free memory that is never reserved.
        gpus_per_trial: Share of a card that every trial reserves; None to follow predictions.
        max_concurrent: Most trials side by side; None for as many as the places take.
        is_dry: Whether there is only to be a plan: no corpus is copied for it.
    """

    results: str
    corpus: Corpus
    device: str
    headroom: float
    gpus_per_trial: float | None
    max_concurrent: int | None
    is_dry: bool = False


def versions_fault(facts: NodeFacts) -> str | None:
    """Return the sentence about a node with other versions than the driver's; None if equal."""
    own = own_versions()
    others = [
        f"{name} {facts.versions.get(name, 'none')} and not {version}"
        for name, version in own.items()
        if facts.versions.get(name) != version
    ]
    if not others:
        return None
    return (
        f"every node must have the driver's versions, found {', '.join(others)} on node "
        f"{facts.host}: install the same there"
    )


def leave_to_others(
    place: Place,
    declared: Mapping[str, float],
    unreserved: Mapping[str, float],
    live: Iterable[Placement],
) -> Place:
    """Return a place with what other jobs reserve of it now.

    A trial of ours that waits there counts as one that has its reservation, so that too little
    rather than too much is left to the others: Ray lets it wait until they are done.

    Args:
        place: On a node.
        declared: What the node has, by Ray's names.
        unreserved: What nobody reserves of it.
        live: What our trials reserve that run or wait.
    """
    reserved = {name: had - unreserved.get(name, 0.0) for name, had in declared.items()}
    ours = [placement for placement in live if placement.raylet == place.raylet]
    if place.packing.num_gpus:
        share = reserved.get("GPU", 0.0)
    else:
        share = reserved.get("memory", 0.0) / 2**20 / place.packing.usable_mib
    taken = share - sum(place.share(placement) for placement in ours)
    return replace(
        place,
        taken=max(0.0, round(taken, NUM_DIGITS)),
        taken_slots=max(0, round(reserved.get("CPU", 0.0)) - len(ours)),
    )


def make_place(facts: NodeFacts, asked: Asked) -> Place | None:
    """Return a node as a place for trials; None if it has not what they need."""
    if asked.device == "cuda":
        if not facts.cards:
            return None
        card = min(facts.cards, key=lambda one: one.free_mib)
        num_cards = facts.num_cards
        slots = min(facts.num_cores, MAX_CUDA_WORKERS * num_cards)
    else:
        free_mib = min(facts.memory_mib, facts.memory.free_mib)
        name = f"memory of {facts.host}"
        card, num_cards = replace(facts.memory, name=name, free_mib=free_mib), 1
        slots = facts.num_cores
    packing = Packing(card, asked.headroom, slots, facts.num_cores, asked.gpus_per_trial)
    try:
        card.usable_mib(asked.headroom)
    except UsageError:  # too little of it is free for any trial
        return None
    return Place(facts.raylet, facts.host, packing, num_cards)
