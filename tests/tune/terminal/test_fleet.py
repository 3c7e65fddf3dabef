"""What a search says of the places that its trials run at."""

from dataclasses import replace

from tune.card.device import Card, Holder
from tune.card.fleet import Fleet
from tune.card.packing import Packing
from tune.card.place import Place
from tune.terminal.fleet import card_words, fleet_notes, fleet_words

HOLDER = Holder(812, "python", 600.0)


def make_place(raylet: str, card: Card, host: str = "node1", slots: int = 4) -> Place:
    return Place(raylet, host, Packing(card, 0.1, slots, num_cores=8))


RTX = Card("cuda", "NVIDIA GeForce RTX 3070", 8192, 7100)
A100 = Card("cuda", "NVIDIA A100-SXM4-80GB", 81920, 81037)
MEMORY = Card("cpu", "this machine's memory", 64312, 60000)


def test_one_place_is_told_in_the_words_of_its_card():
    fleet = Fleet((make_place("a", RTX),))
    assert fleet_words(fleet) == [card_words(fleet.places[0].packing)]
    assert fleet_words(fleet)[0].startswith("NVIDIA GeForce RTX 3070: 7100 of 8192 MiB are free")


def test_places_are_told_by_kind_the_largest_cards_first():
    fleet = Fleet(
        (
            *(
                make_place(f"{n}", replace(RTX, free_mib=7100 - n), f"node{n // 2}")
                for n in range(4)
            ),
            make_place("big", A100, "node2"),
            make_place("cpu", MEMORY, "node3", slots=2),
        )
    )
    assert fleet_words(fleet) == [
        "4 nodes, 5 cards, up to 22 trials side by side",
        "1 x NVIDIA A100-SXM4-80GB, 81037 of 81920 MiB free",
        "4 x NVIDIA GeForce RTX 3070, 7097 to 7100 of 8192 MiB free",
        "1 x machine without a card, 60000 of 64312 MiB free",
    ]


def test_what_is_told_of_a_large_fleet_fits_into_80_columns():
    places = [
        make_place(f"{n}", replace(A100, free_mib=81037 - n), f"node{n}", slots=8)
        for n in range(1000)
    ]
    words = fleet_words(Fleet(tuple(places)))
    assert words[0] == "1000 nodes, 1000 cards, up to 8000 trials side by side"
    assert max(map(len, words)) <= 80


def test_the_study_s_own_limit_is_told():
    fleet = Fleet((make_place("a", RTX), make_place("b", RTX)), max_concurrent=3)
    assert fleet_words(fleet)[0] == "1 node, 2 cards, up to 3 trials side by side"


def test_cards_of_one_place_are_counted():
    fleet = Fleet((replace(make_place("a", RTX), num_cards=4),))
    assert fleet_words(fleet) == [
        "1 node, 4 cards, up to 4 trials side by side",
        "4 x NVIDIA GeForce RTX 3070, 7100 of 8192 MiB free",
    ]


def test_machines_without_cards_have_none():
    places = (make_place("a", MEMORY), make_place("b", MEMORY, "node2"))
    assert fleet_words(Fleet(places))[0] == "2 nodes, no card, up to 8 trials side by side"


def test_who_else_is_on_a_card_is_told_with_its_node_where_there_are_several():
    taken = replace(RTX, holders=(HOLDER,))
    alone = Fleet((make_place("a", taken),))
    (sentence,) = fleet_notes(alone)
    assert "process 812 (python) holds 600 MiB" in sentence
    several = Fleet((make_place("a", taken, "node1"), make_place("b", RTX, "node2")))
    assert fleet_notes(several) == [f"node1: {sentence}"]
