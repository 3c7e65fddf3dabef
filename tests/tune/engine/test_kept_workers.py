"""Which workers are kept; a step of Ray Tune's loop ends with a flush."""

import importlib
from typing import Any

import pytest

from tune.engine.kept_workers import KeptWorkers


@pytest.fixture
def kept() -> KeptWorkers:
    return KeptWorkers()


def end_step(kept: KeptWorkers, *, force_all: bool = False) -> list[str]:
    """Return who is kept no longer."""
    return list(kept.flush_cached_objects(force_all=force_all))


def test_a_worker_waits_a_step_for_the_next_trial_of_its_node_while_one_waits_elsewhere(kept):
    kept.increase_max("node b")
    assert kept.cache_object("node a", "worker")
    assert end_step(kept) == []
    assert kept.pop_cached_object("node a") == "worker"
    assert kept.num_cached_objects == 0


def test_workers_of_trials_that_end_in_one_step_are_all_kept_for_it(kept):
    for name in ("one", "two", "three"):
        kept.cache_object("node", name)
    assert end_step(kept) == []
    assert [kept.pop_cached_object("node") for _ in range(3)] == ["one", "two", "three"]


def test_who_is_taken_by_nobody_goes_after_the_next_step_so_that_another_trial_has_room(kept):
    kept.increase_max("node b")
    kept.cache_object("node a", "worker")
    end_step(kept)
    assert end_step(kept) == ["worker"]
    assert kept.num_cached_objects == 0


def test_who_is_awaited_stays(kept):
    kept.increase_max("node")
    kept.cache_object("node", "one")
    kept.cache_object("node", "two")
    end_step(kept)
    assert end_step(kept) == ["one"]
    assert end_step(kept) == []


def test_of_those_whom_nobody_awaits_one_stays(kept):
    for name in ("one", "two"):
        kept.cache_object("node", name)
    end_step(kept)
    assert end_step(kept) == ["one"]
    assert end_step(kept) == []
    assert kept.has_cached_object("node")


def test_at_the_end_of_a_search_all_go(kept):
    kept.cache_object("node a", "one")
    kept.cache_object("node b", "two")
    assert end_step(kept, force_all=True) == ["one", "two"]


def test_ray_tune_has_the_cache_that_ours_takes_the_place_of():
    controller: Any = importlib.import_module("ray.tune.execution.tune_controller")
    assert issubclass(KeptWorkers, controller._ObjectCache)
