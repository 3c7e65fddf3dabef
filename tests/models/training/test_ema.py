import pytest
import torch
from torch import nn

from models.training.ema import DECAY, WeightAverage, decay_at


def test_decay_ramps_from_a_tenth_to_its_limit():
    assert decay_at(0) == pytest.approx(1 / 10)
    assert decay_at(1) == pytest.approx(2 / 11)
    assert decay_at(10**6) == DECAY


@pytest.mark.parametrize("step", [8989, 8990, 8991])
def test_decay_meets_its_limit_where_the_ramp_reaches_it(step):
    # (1 + t) / (10 + t) = 0.999 at t = 8990
    assert decay_at(step) == pytest.approx(min(DECAY, (1 + step) / (10 + step)), abs=1e-12)
    assert (decay_at(step) < DECAY) == (step < 8990)


def test_average_of_a_constant_approach_has_its_closed_form():
    live = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(live.weight)
    average = WeightAverage(live)
    nn.init.ones_(live.weight)
    distance = 1.0
    for step in range(5):
        average.update()
        distance *= decay_at(step)
        assert average.model.weight.item() == pytest.approx(1 - distance, abs=1e-6)


def test_batch_norm_statistics_are_averaged_and_its_counter_copied():
    live = nn.BatchNorm2d(1)
    average = WeightAverage(live)
    live.running_mean.fill_(1.0)
    live.num_batches_tracked.fill_(7)
    average.update()
    assert average.model.running_mean.item() == pytest.approx(0.9)
    assert average.model.num_batches_tracked.item() == 7


def test_updates_leave_the_live_weights_alone():
    live = nn.Linear(3, 3)
    before = live.weight.clone()
    WeightAverage(live).update()
    assert torch.equal(live.weight, before)


def test_the_count_of_steps_survives_a_resume():
    live = nn.Linear(2, 2)
    first, second = WeightAverage(live), WeightAverage(live)
    for _ in range(3):
        first.update()
    second.load_state_dict(first.state_dict())
    nn.init.ones_(live.weight)
    first.update()
    second.update()
    assert second.num_updates == 4
    assert torch.equal(first.model.weight, second.model.weight)


def test_averaged_model_is_in_evaluation_mode_and_takes_no_gradient():
    average = WeightAverage(nn.BatchNorm2d(1).train())
    assert not average.model.training
    assert not any(p.requires_grad for p in average.model.parameters())
