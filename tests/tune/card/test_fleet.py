from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.footprint.predict import Calibration
from tests.tune.card.test_packing import make_spec
from tune.card.device import Card
from tune.card.fleet import Fleet
from tune.card.packing import GPU_CLASSES, Packing, side_by_side
from tune.card.place import Place
from tune.outcomes import Outcome
from tune.trial.crashes import CARD_IS_FULL
from tune.trial.spec import Placement, TrialSpec


def make_place(
    raylet: str | None = "a",
    gib: int = 8,
    *,
    device: str = "cuda",
    slots: int = 8,
    num_cards: int = 1,
    gpus_per_trial: float | None = None,
) -> Place:
    """A place of which nine tenths can be reserved: 7200 MiB of a card of 8 GiB."""
    card = Card(device, f"{device} of {gib} GiB", gib * 1024, gib * 1000)
    packing = Packing(card, 0.1, slots, num_cores=8, gpus_per_trial=gpus_per_trial)
    return Place(raylet, f"host of {raylet}", packing, num_cards)


QUARTER = make_spec(64, batch_size=32, crop_px=256)  # 1787 MiB, a quarter of 8 GiB
HALF = make_spec(128, batch_size=32, crop_px=256)  # 3036 MiB
LARGE = make_spec(128, batch_size=96, crop_px=256)  # 7700 MiB, too much for 8 GiB
SPECS = (QUARTER, HALF, LARGE)


def place_all(
    fleet: Fleet, specs: Sequence[TrialSpec], live: Sequence[Placement] = ()
) -> list[Placement]:
    """Place trials one after the other; nobody ends."""
    placed = list(live)
    for spec in specs:
        placed.append(fleet.place(spec, placed).placement)
    return placed


def full(place: Place) -> Placement:
    """What reserves all of a place, once for each of its cards."""
    return Placement(
        gpu_fraction=float(place.packing.num_gpus),
        ram_mib=0.0 if place.packing.num_gpus else place.packing.usable_mib,
        raylet=place.raylet,
    )


def test_these_trials_take_what_their_names_say():
    packing = make_place().packing
    shares = [packing.place(spec).placement.gpu_fraction for spec in (QUARTER, HALF)]
    assert shares == [0.25, 0.5]
    assert packing.needed_mib(LARGE) > packing.usable_mib
    assert make_place(gib=24).packing.place(LARGE).train.micro_batch is None


def test_a_trial_is_told_where_it_runs():
    (placement,) = place_all(Fleet((make_place("a"),)), [QUARTER])
    assert (placement.host, placement.card, placement.raylet) == (
        "host of a",
        "cuda of 8 GiB",
        "a",
    )


def test_the_quarters_of_two_equal_cards_are_two_on_each():
    fleet = Fleet((make_place("a"), make_place("b")))
    placed = place_all(fleet, [QUARTER] * 4)
    assert [placement.raylet for placement in placed] == ["a", "b", "a", "b"]


def test_a_small_trial_goes_to_the_small_card_although_a_large_one_is_empty():
    fleet = Fleet((make_place("large", 80), make_place("small", 8)))
    assert [one.raylet for one in place_all(fleet, [QUARTER] * 4)] == ["small"] * 4


def test_what_only_the_large_card_holds_whole_goes_there():
    fleet = Fleet((make_place("small", 8), make_place("large", 80)))
    spec = fleet.place(LARGE, [])
    assert (spec.placement.raylet, spec.train.micro_batch) == ("large", None)


def test_a_small_trial_takes_the_large_card_before_it_waits():
    fleet = Fleet((make_place("large", 80), make_place("small", 8)))
    assert place_all(fleet, [QUARTER], [full(fleet.places[1])])[-1].raylet == "large"


def test_of_larger_cards_than_it_needs_a_trial_takes_the_fullest():
    places = [make_place("a", 80), make_place("b", 80), make_place("small", 8)]
    live = [Placement(gpu_fraction=0.5, raylet="b"), full(places[2])]
    assert place_all(Fleet(tuple(places)), [QUARTER], live)[-1].raylet == "b"


def test_a_large_trial_waits_for_the_large_card_instead_of_training_in_micro_batches():
    fleet = Fleet((make_place("small", 8), make_place("large", 24)))
    spec = fleet.place(LARGE, [full(fleet.places[1])])
    assert (spec.placement.raylet, spec.train.micro_batch) == ("large", None)


def test_where_nobody_has_room_a_trial_waits_where_least_is_reserved():
    fleet = Fleet((make_place("a"), make_place("b"), make_place("c")))
    half = replace(full(fleet.places[1]), gpu_fraction=0.5)
    live = [*map(full, fleet.places), replace(half, raylet="a"), replace(half, raylet="c")]
    assert fleet.place(QUARTER, live).placement.raylet == "b"


def test_a_trial_that_waits_keeps_its_room_from_those_who_come_later():
    fleet = Fleet((make_place("a"), make_place("b")))
    half = Placement(gpu_fraction=0.5)
    running = [replace(half, raylet="a"), replace(full(fleet.places[1]), gpu_fraction=0.75)]
    waiting = full(fleet.places[0])
    assert place_all(fleet, [HALF], running)[-1].raylet == "a"
    assert place_all(fleet, [HALF], [*running, waiting])[-1].raylet == "b"


def test_a_trial_waits_for_a_slot_where_memory_is_free():
    fleet = Fleet((make_place("a", 80, slots=1), make_place("b", 80, slots=2)))
    placed = place_all(fleet, [QUARTER] * 4)
    assert [placement.raylet for placement in placed] == ["a", "b", "b", "a"]


def test_what_fits_nowhere_whole_trains_with_the_largest_micro_batches_of_all_places():
    fleet = Fleet((make_place("small", 4), make_place("large", 8)))
    spec = fleet.place(LARGE, [full(fleet.places[1])])
    assert spec.placement.raylet == "large"
    assert spec.train == fleet.places[1].packing.place(LARGE).train
    assert spec.train.micro_batch == 48


def test_what_no_place_can_hold_is_rejected_with_the_reason_of_the_largest():
    hungry = Calibration(1.0, 9000.0)
    places = [make_place("small", 4), make_place("large", 8)]
    fleet = Fleet(
        tuple(
            replace(place, packing=replace(place.packing, calibration=hungry)) for place in places
        )
    )
    placement = fleet.place(QUARTER, []).placement
    assert placement.rejection is not None
    assert "7200 MiB can be reserved" in placement.rejection
    assert (placement.host, placement.card, placement.raylet) == (None, None, None)


def test_each_trial_gets_the_threads_cap_and_prediction_of_its_place():
    packing = replace(make_place().packing, num_cores=32, calibration=Calibration(1.0, 1000.0))
    fleet = Fleet((make_place("large", 80), replace(make_place("small"), packing=packing)))
    placed = fleet.place(QUARTER, [])
    alone = packing.place(QUARTER).placement
    assert alone.num_threads == 4
    assert placed.placement == replace(
        alone, host="host of small", card="cuda of 8 GiB", raylet="small"
    )


def test_machines_without_cards_are_shared_by_their_memory_and_come_after_cards():
    fleet = Fleet((make_place("machine", 16, device="cpu", slots=2), make_place("card", 80)))
    specs = [fleet.place(QUARTER, live) for live in ([], [full(fleet.places[1])])]
    assert [spec.placement.raylet for spec in specs] == ["card", "machine"]
    assert [spec.device for spec in specs] == ["cuda", "cpu"]
    assert specs[1].placement.ram_mib > 0
    assert specs[1].placement.card is None


def test_a_machine_whose_memory_is_reserved_has_no_room():
    fleet = Fleet((make_place("a", 4, device="cpu"), make_place("b", 4, device="cpu")))
    assert place_all(fleet, [QUARTER], [full(fleet.places[0])])[-1].raylet == "b"


@pytest.mark.parametrize(
    ("shares", "fits"),
    [
        ([0.5, 0.5, 0.5, 0.5], True),
        ([0.25, 0.5, 1.0, 0.25], True),
        ([0.75, 0.75, 0.5], False),
        ([0.75, 0.75, 0.25, 0.25], True),
        ([1.0, 1.0, 1 / 16], False),
        ([GPU_CLASSES[5]] * 6, True),
        ([], True),
    ],
)
def test_no_trial_lies_on_two_of_the_cards_of_a_place(shares, fits):
    assert make_place(num_cards=2).holds(shares) == fits


def test_a_place_of_two_cards_has_the_room_of_two():
    fleet = Fleet((make_place("one"), make_place("two", num_cards=2)))
    counts = Counter(placement.raylet for placement in place_all(fleet, [HALF] * 6))
    assert counts == {"one": 2, "two": 4}


def test_what_other_jobs_reserve_is_no_room():
    a, b = make_place("a"), make_place("b")
    assert place_all(Fleet((replace(a, taken=0.75), b)), [QUARTER] * 3)[-1].raylet == "b"
    assert place_all(Fleet((replace(a, taken_slots=8), b)), [HALF] * 2)[-1].raylet == "b"
    full_up = Fleet((replace(a, taken=1.0), replace(b, taken=0.75)))
    assert place_all(full_up, [HALF])[-1].raylet == "b"
    assert not full_up.takes_more(place_all(full_up, [HALF] * 2))


def test_slots_that_other_jobs_hold_are_not_offered():
    a, b = make_place("a", slots=2), make_place("b", slots=2)
    assert Fleet((replace(a, taken_slots=3), replace(b, taken_slots=1))).num_slots == 1


def test_a_trial_that_waits_for_another_job_moves_to_a_place_of_its_kind_with_room():
    a, b = make_place("a"), make_place("b")
    (here,) = place_all(Fleet((a,)), [HALF])
    full = replace(a, taken=0.75)
    assert Fleet((full, b)).waits_for_others(here, [here])
    assert not Fleet((a, b)).waits_for_others(here, [here] * 3)  # for our own trials
    assert not Fleet((full,)).waits_for_others(here, [here])
    assert not Fleet((full, replace(b, taken=0.75))).waits_for_others(here, [here])
    assert not Fleet((full, make_place("c", gib=24))).waits_for_others(here, [here])


def test_other_jobs_alone_make_nobody_wait():
    assert make_place().holds([])
    assert replace(make_place(slots=2), taken=1.0, taken_slots=3).holds([])


@pytest.mark.parametrize(("taken", "fits"), [(1.0, True), (1.25, True), (1.5, False)])
def test_other_jobs_lie_on_cards_of_a_place_too(taken, fits):
    assert replace(make_place(num_cards=2), taken=taken).holds([0.75]) == fits


def test_of_equal_places_the_first_by_name_is_taken():
    places = tuple(make_place(name) for name in "cab")
    assert place_all(Fleet(places), [QUARTER])[-1].raylet == "a"


@settings(max_examples=30, deadline=None)
@given(
    gib=st.sampled_from([2, 4, 8, 24]),
    device=st.sampled_from(["cuda", "cpu"]),
    spec=st.sampled_from(SPECS),
    correction=st.sampled_from([1.0, 1.7]),
    half=st.booleans(),
)
def test_a_fleet_of_one_place_decides_as_its_packing_does(gib, device, spec, correction, half):
    share = 0.5 if half and device == "cuda" else None
    place = make_place(None, gib, device=device, gpus_per_trial=share)
    place = replace(place, packing=replace(place.packing, correction=correction))
    alone = place.packing.place(replace(spec, device=device))
    placed = Fleet((place,)).place(replace(spec, device=device), [full(place)])
    where = {} if alone.placement.rejection else {"host": place.host, "card": place.card}
    assert placed == replace(alone, placement=replace(alone.placement, **where))


kinds = st.sampled_from([(4, "cuda"), (8, "cuda"), (24, "cuda"), (6, "cpu"), (32, "cpu")])
steps = st.lists(st.tuples(st.sampled_from(SPECS), st.integers(0, 5)), max_size=25)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(kinds, st.integers(1, 4)), min_size=1, max_size=5), steps)
def test_nobody_waits_while_a_place_has_room_and_no_place_takes_more_than_it_has(offered, steps):
    places = tuple(
        make_place(f"{number}", gib, device=device, slots=slots)
        for number, ((gib, device), slots) in enumerate(offered)
    )
    fleet, live = Fleet(places), list[Placement]()

    def shares(place: Place) -> list[float]:
        return [place.share(one) for one in live if one.raylet == place.raylet]

    for spec, ended in steps:
        placed = fleet.place(spec, live)
        micro_batch = placed.train.micro_batch
        if placed.placement.rejection is not None:
            assert all(place.packing.place(spec).placement.rejection for place in places)
            continue
        alike = [
            (place, alone.placement)
            for place in places
            if (alone := place.packing.place(spec)).placement.rejection is None
            and alone.train.micro_batch == micro_batch
        ]
        (own,) = [place for place, _ in alike if place.raylet == placed.placement.raylet]
        free = [place for place, one in alike if place.holds([*shares(place), place.share(one)])]
        assert own in free or not free
        live.append(placed.placement)
        if own in free:
            assert sum(shares(own)) <= 1 + 1e-9
            assert len(shares(own)) <= own.packing.max_concurrent
        live[:ended] = []


@settings(max_examples=20, deadline=None)
@given(st.permutations([8, 8, 24, 80, 4]), st.lists(st.sampled_from(SPECS), max_size=20))
def test_the_order_of_places_changes_nothing(order, specs):
    def placed(gibs: Sequence[int]) -> list[Placement]:
        names = Counter[int]()
        places = []
        for gib in gibs:
            names[gib] += 1
            places.append(make_place(f"{gib}-{names[gib]}", gib))
        return place_all(Fleet(tuple(places)), specs)

    assert placed(order) == placed(sorted(order))


def test_a_trial_that_continues_keeps_its_micro_batch_wherever_it_goes():
    fleet = Fleet((make_place("small", 4), make_place("large", 80)))
    asked = replace(LARGE, train=replace(LARGE.train, micro_batch=8))
    again = fleet.reserve_again(asked, [])
    assert again.train == asked.train
    assert again.placement.raylet == "small"
    elsewhere = fleet.without("small").reserve_again(again, [])
    assert (elsewhere.train, elsewhere.placement.raylet) == (asked.train, "large")


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_a_trial_that_continues_and_fits_nowhere_reserves_all_of_the_largest_place(device):
    places = [make_place("a", 4, device=device), make_place("b", 6, device=device)]
    placement = Fleet(tuple(places)).reserve_again(LARGE, []).placement
    assert placement.raylet == "b"
    assert placement.rejection is None
    assert places[1].share(placement) == 1.0


def test_a_fleet_learns_for_each_kind_of_card_from_the_trials_on_it(make_record):
    fleet = Fleet((make_place("a", 8), make_place("b", 24)))
    record = make_record(0)
    placement = Placement(predicted_peak_mib=100.0, cap_mib=100.0, card="cuda of 8 GiB")
    record.spec = replace(record.spec, placement=placement)
    record.outcome, record.reason = Outcome.OUT_OF_MEMORY, CARD_IS_FULL
    assert [one.packing.correction for one in fleet.corrected([record]).places] == [1.25, 1.0]
    record.spec = replace(record.spec, placement=replace(placement, card=None))
    assert [one.packing.correction for one in fleet.corrected([record]).places] == [1.25, 1.25]


def test_a_place_that_is_gone_gets_no_trial_and_one_that_joins_does():
    fleet = Fleet((make_place("a"), make_place("b")))
    live = place_all(fleet, [HALF] * 3)
    left = fleet.without("a")
    assert place_all(left, [HALF], live)[-1].raylet == "b"
    joined = left.with_places([make_place("c")])
    assert place_all(joined, [HALF], live)[-1].raylet == "c"
    assert len(joined.with_places([make_place("c", 24)]).places) == 2


def test_places_and_the_study_limit_how_many_trials_live():
    places = (make_place("a", slots=3), make_place("b", slots=5, num_cards=2))
    assert Fleet(places).num_cards == 3
    assert (Fleet(places).num_slots, Fleet(places).max_live) == (8, 10)
    assert (Fleet(places, 8).num_slots, Fleet(places, 8).max_live) == (8, 10)
    assert (Fleet(places, 4).num_slots, Fleet(places, 4).max_live) == (4, 4)
    on_cpu = Fleet((make_place("a", device="cpu", slots=2),))
    assert (on_cpu.num_cards, on_cpu.max_live) == (0, 2)


@pytest.mark.parametrize("num_waiting", [0, 1, 2])
def test_no_more_trials_are_suggested_than_a_few_that_wait(num_waiting):
    places = tuple(make_place(name) for name in "abc")
    live = [*map(full, places), *map(full, places[:num_waiting])]
    assert Fleet(places).takes_more(live) == (num_waiting < 2)


def test_trials_are_suggested_for_a_place_that_joins_although_others_wait():
    fleet = Fleet((make_place("a"), make_place("b")))
    live = [*map(full, fleet.places)] * 2
    assert not fleet.takes_more(live)
    assert fleet.with_places([make_place("c")]).takes_more(live)


def test_no_more_trials_are_suggested_than_may_live():
    fleet = Fleet((make_place("a", slots=2),), max_concurrent=1)
    assert fleet.takes_more([])
    assert not fleet.takes_more([Placement(gpu_fraction=1 / 16, raylet="a")])


def test_side_by_side_is_what_all_places_hold_together():
    places = (
        make_place("a"),
        make_place("two", num_cards=2),
        make_place("large", 80, slots=5),
        make_place("small", 2),
    )
    half = Fleet(places).place(HALF, [])
    assert Fleet(places).side_by_side(half) == 2 + 4 + 5
    assert Fleet(places, max_concurrent=3).side_by_side(half) == 3
    rejected = replace(half, placement=Placement(rejection="too large"))
    assert Fleet(places).side_by_side(rejected) == 0


@settings(max_examples=20, deadline=None)
@given(
    gib=st.sampled_from([4, 8, 24]),
    device=st.sampled_from(["cuda", "cpu"]),
    spec=st.sampled_from(SPECS),
)
def test_one_place_holds_as_many_side_by_side_as_its_packing(gib, device, spec):
    place = make_place(gib=gib, device=device)
    placed = Fleet((place,)).place(spec, [])
    expected = side_by_side(place.packing, placed.placement)
    assert Fleet((place,)).side_by_side(placed) == expected


def test_nothing_is_suggested_where_no_place_is_left():
    assert not Fleet((make_place("a"),)).without("a").takes_more([])


def test_one_place_has_as_many_live_trials_as_its_packing():
    for device in ("cuda", "cpu"):
        place = make_place(device=device)
        assert Fleet((place,), place.packing.max_concurrent).max_live == place.packing.max_live
