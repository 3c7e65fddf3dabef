"""What a search says of the places that its trials run at: cards and machines, alone or many."""

from collections.abc import Iterable

from tune.card.device import foreign_sentence
from tune.card.fleet import Fleet
from tune.card.packing import Packing
from tune.card.place import Place


def fleet_words(fleet: Fleet) -> list[str]:
    """Return what trials share, in sentences: one of a single place, else one per kind of place.

    >>> from tune.card.device import Card
    >>> packing = Packing(Card("cuda", "NVIDIA L4", 24576, 22900), 0.1, 4, num_cores=8)
    >>> fleet_words(Fleet(tuple(Place(f"{n}", f"node{n // 2}", packing) for n in range(3))))
    ['2 nodes, 3 cards, up to 12 trials side by side', '3 x NVIDIA L4, 22900 of 24576 MiB free']
    """
    if len(fleet.places) == 1 and fleet.num_cards < 2:
        return [card_words(fleet.places[0].packing)]
    parts = [
        _count(fleet.num_hosts, "node"),
        _count(fleet.num_cards, "card") if fleet.num_cards else "no card",
        f"up to {_count(fleet.num_slots, 'trial')} side by side",
    ]
    kinds: dict[tuple[object, str | None], list[Place]] = {}
    for place in fleet.places:
        kinds.setdefault((place.size, place.card), []).append(place)
    return [", ".join(parts), *map(_kind_words, sorted(kinds.values(), key=_cards_first))]


def fleet_notes(fleet: Fleet) -> list[str]:
    """Return who else is on the cards, a sentence per card, with its node if there are several."""
    found = [(place.host, foreign_sentence(place.packing.card)) for place in fleet.places]
    lead = fleet.num_hosts > 1
    return [
        f"{host}: {sentence}" if lead else sentence
        for host, sentence in found
        if sentence is not None
    ]


def card_words(packing: Packing) -> str:
    """Return what trials share on one card, or on one machine without."""
    return (
        f"{packing.card.name}: {packing.card.free_mib:.0f} of {packing.card.total_mib:.0f} MiB are "
        f"free, {packing.usable_mib:.0f} MiB can be reserved (headroom {packing.headroom:g}); "
        f"up to {_count(packing.max_concurrent, 'trial')} side by side, "
        f"{_count(packing.num_threads, 'thread')} each"
    )


def _cards_first(places: list[Place]) -> tuple[bool, int]:
    """Return what sorts the largest cards to the front and machines without to the end."""
    has_no_card, size_gib = places[0].size
    return has_no_card, -size_gib


def _kind_words(places: list[Place]) -> str:
    count = sum(place.num_cards for place in places)
    cards = [place.packing.card for place in places]
    free, total = (
        _range(getattr(card, name) for card in cards) for name in ("free_mib", "total_mib")
    )
    name = places[0].card or ("machines without a card" if count > 1 else "machine without a card")
    return f"{count} x {name}, {free} of {total} MiB free"


def _range(values: Iterable[float]) -> str:
    rounded = {f"{value:.0f}" for value in values}
    ends = sorted(rounded, key=float)
    return ends[0] if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
