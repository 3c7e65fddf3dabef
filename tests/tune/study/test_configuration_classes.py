from collections.abc import Callable
from dataclasses import replace

import pytest

from models.training.precision import PLAIN
from tune.card.device import Card
from tune.card.fleet import Fleet
from tune.card.packing import Packing
from tune.card.place import Place
from tune.config.machine import Machine
from tune.config.resolve import resolve
from tune.study.estimate import ConfigurationClass, configuration_classes
from tune.study.plan import StudyPlan, plan_study
from tune.trial.session import open_corpus


@pytest.fixture
def make_plan(tiny_corpus, tmp_path) -> Callable[..., StudyPlan]:
    """Plan a search of two widths on a machine with memory to spare."""

    def make(**flags: str) -> StudyPlan:
        flags = flags | {
            "arch": "baseline", "data": str(tiny_corpus), "results": str(tmp_path), "crop_px": 32,
            "batch_size": 8, "range": ("base_channels=8,16",), "base_channels": 8,
        }  # fmt: skip
        (resolved,) = resolve(flags, {}, Machine("cpu", 2))
        return plan_study(resolved, open_corpus(str(tiny_corpus)), Card("cpu", "memory", 8e3, 8e3))

    return make


@pytest.fixture
def plan(make_plan) -> StudyPlan:
    """A plan with nothing else asked for."""
    return make_plan()


def test_there_is_a_class_for_every_width(plan):
    classes = configuration_classes(plan, PLAIN)
    assert [one.spec.model.base_channels for one in classes] == [8, 16]


def test_the_arithmetic_of_a_network_grows_with_the_square_of_its_width(make_plan):
    alone = make_plan(rate="elements", linear_path="off")  # with few latent channels
    narrow, wide = configuration_classes(alone, PLAIN)
    assert 3.5 < wide.macs / narrow.macs < 4  # all but the first and last convolutions


def test_trials_per_hour_follow_arithmetic_epochs_and_neighbours(plan):
    one = ConfigurationClass(configuration_classes(plan, PLAIN)[0].spec, 3, macs=200)
    assert one.trials_per_hour(epochs=10, epoch_s=4, timed_macs=100) == pytest.approx(135)


def test_a_width_that_does_not_fit_makes_no_trials(plan):
    tight = Packing(Card("cpu", "memory", 8e3, 900), 0.0, 2, 2, correction=1e4)
    classes = configuration_classes(replace(plan, packing=tight), PLAIN)
    assert [one.num_side_by_side for one in classes] == [0, 0]
    assert classes[0].trials_per_hour(epochs=10, epoch_s=4, timed_macs=100) == 0


def test_on_a_cluster_trials_of_all_places_run_beside_each_other(plan):
    places = (Place("a", "lab-1", plan.packing), Place("b", "lab-2", plan.packing))
    here, everywhere = (
        [one.num_side_by_side for one in configuration_classes(where, PLAIN)]
        for where in (plan, replace(plan, fleet=Fleet(places)))
    )
    assert everywhere == [2 * count for count in here]
