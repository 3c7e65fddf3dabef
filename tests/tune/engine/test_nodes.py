"""What makes a node of a cluster a place for trials."""

from dataclasses import replace

import pytest

from tune.card.device import Card
from tune.engine.node import NodeFacts, own_versions, what_it_is
from tune.engine.places import Asked, leave_to_others, make_place, versions_fault
from tune.engine.raylets import MachineParts, Raylet, plan_raylets
from tune.errors import UsageError
from tune.trial.spec import Placement

MEMORY = Card("cpu", "this machine's memory", 16_000, 12_000)
SMALL = Card("cuda", "small", 8_192, 8_000, index="0")
LARGE = Card("cuda", "large", 24_576, 24_000, index="1")


def facts(**given) -> NodeFacts:
    usual = {
        "raylet": "abc", "host": "lab-1", "num_cores": 8, "num_cards": 0, "memory_mib": 10_000.0,
        "cards": (), "memory": MEMORY, "versions": own_versions(), "at_s": 0.0,
    }  # fmt: skip
    return NodeFacts(**(usual | given))


def asked(device: str) -> Asked:
    return Asked("results", None, device, 0.1, None, None)


def test_a_machine_offers_a_slot_for_each_core_and_the_memory_that_ray_may_reserve():
    place = make_place(facts(), asked("cpu"))
    assert (place.raylet, place.host, place.card) == ("abc", "lab-1", None)
    assert place.packing.max_concurrent == 8
    assert place.packing.usable_mib == 9_000


def test_memory_that_is_taken_by_others_is_not_offered():
    place = make_place(facts(memory=replace(MEMORY, free_mib=2_000)), asked("cpu"))
    assert place.packing.usable_mib == 1_800


def test_a_machine_with_too_little_memory_is_no_place():
    assert make_place(facts(memory_mib=100.0), asked("cpu")) is None


def test_a_machine_without_a_card_is_no_place_for_trials_on_cards():
    assert make_place(facts(), asked("cuda")) is None


def test_a_card_is_a_place_with_its_own_memory():
    place = make_place(facts(num_cards=1, cards=(LARGE,)), asked("cuda"))
    assert place.card == "large"
    assert place.packing.usable_mib == pytest.approx(21_600)
    assert place.num_cards == 1


def test_of_several_cards_behind_one_node_the_smallest_counts():
    place = make_place(facts(num_cards=2, cards=(LARGE, SMALL)), asked("cuda"))
    assert (place.card, place.num_cards) == ("small", 2)


def test_a_node_with_the_driver_s_versions_has_no_fault():
    assert versions_fault(facts()) is None


def test_other_versions_are_named_with_node_and_next_step():
    others = own_versions() | {"torch": "1.0"}
    sentence = versions_fault(facts(versions=others))
    assert sentence.startswith(
        "every node must have the driver's versions, found torch 1.0 and not"
    )
    assert "on node lab-1: install the same there" in sentence


def test_a_machine_without_cards_is_one_node_with_all_its_cores():
    (one,) = plan_raylets(MachineParts(8, 16_000, ()))
    assert one == Raylet(8, 14_400, None)
    assert "--num-gpus=0" in one.command("lab:6379")
    assert one.environment["CUDA_VISIBLE_DEVICES"] == ""


def test_every_card_is_a_node_of_its_own_and_cores_and_memory_are_shared_out():
    raylets = plan_raylets(MachineParts(5, 20_000, (SMALL, LARGE)))
    assert [one.num_cores for one in raylets] == [3, 2]
    assert sum(one.memory_mib for one in raylets) == 18_000
    assert [one.environment["CUDA_VISIBLE_DEVICES"] for one in raylets] == ["0", "1"]
    assert all("--num-gpus=1" in one.command("lab:6379") for one in raylets)


def test_more_cards_than_cores_have_a_core_each():
    raylets = plan_raylets(MachineParts(1, 20_000, (SMALL, LARGE)))
    assert [one.num_cores for one in raylets] == [1, 1]


def test_a_machine_without_memory_for_a_trial_is_refused():
    with pytest.raises(UsageError, match="a node needs 768 MiB of memory, found 450 MiB"):
        plan_raylets(MachineParts(2, 1_000, (SMALL, LARGE)))


def test_a_node_is_said_with_its_cards():
    assert what_it_is(2, 500.0, []) == "2 cores, 500 MiB of memory, no card"
    card = Card("cuda", "L4", 24_576, 9.0)
    assert what_it_is(2, 500.0, [card]).endswith("L4 (9 MiB free)")
    assert what_it_is(2, 500.0, [card, card]).count("L4 (9 MiB free)") == 2


MACHINE = {"CPU": 8.0, "memory": 10_000.0 * 2**20}
CARDS = {"CPU": 8.0, "GPU": 2.0}


def test_what_other_jobs_reserve_of_a_machine_is_left_to_them():
    place = make_place(facts(), asked("cpu"))
    free = {"CPU": 3.0, "memory": 5_500.0 * 2**20}
    ours = [Placement(raylet="abc", ram_mib=900), Placement(raylet="abc", ram_mib=900)]
    found = leave_to_others(place, MACHINE, free, [*ours, Placement(raylet="other", ram_mib=900)])
    assert (found.taken, found.taken_slots) == (pytest.approx(0.3), 3)


def test_what_other_jobs_reserve_of_cards_is_left_to_them():
    place = make_place(facts(num_cards=2, cards=(LARGE, LARGE)), asked("cuda"))
    ours = [Placement(raylet="abc", gpu_fraction=0.25)]
    # Ray leaves out what nothing is left of.
    found = leave_to_others(place, CARDS, {"CPU": 7.0}, ours)
    assert (found.taken, found.taken_slots) == (1.75, 0)


@pytest.mark.parametrize("free", [MACHINE, {"CPU": 7.0, "memory": 9_400.0 * 2**20}])
def test_a_trial_that_waits_or_runs_is_no_other_job(free):
    place = make_place(facts(), asked("cpu"))
    found = leave_to_others(place, MACHINE, free, [Placement(raylet="abc", ram_mib=600)])
    assert (found.taken, found.taken_slots) == (0.0, 0)
