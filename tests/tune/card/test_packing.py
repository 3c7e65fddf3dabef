from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.footprint.predict import Calibration, predict_footprint
from models.registry import ModelConfig
from models.training.config import TrainConfig
from tune.card.device import Card
from tune.card.packing import GPU_CLASSES, Packing, plan_packing, require_fit, side_by_side
from tune.errors import UsageError
from tune.trial.spec import DataSpec, Placement, TrialSpec

CARD = Card("cuda", "pretend", 8192, 8000)
PACKING = Packing(CARD, headroom=0.1, max_concurrent=4, num_cores=8)
ON_CPU = Packing(Card("cpu", "memory", 16_000, 10_000), 0.1, max_concurrent=2, num_cores=8)


def make_spec(base_channels: int = 16, batch_size: int = 16, crop_px: int = 64) -> TrialSpec:
    return TrialSpec(
        study="study",
        number=0,
        model=ModelConfig("baseline", 16, base_channels),
        train=TrainConfig(batch_size=batch_size),
        data=DataSpec("corpus", crop_px, 0.05, 8, 0, "0" * 16, "1" * 16),
        device="cpu",
        proposed_by="searcher",
    )


def predict(spec: TrialSpec, packing: Packing = PACKING):
    return predict_footprint(
        spec.model,
        spec.data.crop_px,
        spec.train.micro_batch or spec.train.batch_size,
        "fp32",
        images_per_step=spec.train.batch_size,
        device=packing.card.device,
        calibration=packing.calibration,
    )


@settings(max_examples=20, deadline=None)
@given(
    base_channels=st.sampled_from([8, 16, 32]),
    batch_size=st.sampled_from([1, 2, 8, 24]),
    free_mib=st.floats(1200, 20_000),
)
def test_what_is_reserved_holds_what_is_predicted_and_is_the_least_class_that_does(
    base_channels, batch_size, free_mib
):
    packing = replace(PACKING, card=replace(CARD, free_mib=free_mib))
    spec = packing.place(make_spec(base_channels, batch_size))
    reserved = spec.placement.gpu_fraction
    needed_mib = predict(spec, packing).peak_mib
    assert spec.placement.rejection is None
    assert reserved in GPU_CLASSES
    assert reserved * packing.usable_mib >= needed_mib
    lower = [share for share in GPU_CLASSES if share < reserved]
    assert not lower or lower[-1] * packing.usable_mib < needed_mib


def test_predicted_is_what_a_measurement_sees_without_the_context():
    spec = PACKING.place(make_spec())
    assert spec.placement.predicted_peak_mib == predict(spec).allocated_mib
    assert predict(spec).context_mib > 0


def test_a_trial_may_take_its_share_of_the_free_memory_less_its_context():
    placement = PACKING.place(make_spec()).placement
    assert placement.cap_mib == pytest.approx(placement.gpu_fraction * 8000 - 512)


def test_what_does_not_fit_whole_trains_with_the_largest_micro_batch_that_does():
    spec = make_spec(32, batch_size=16)
    half = predict(with_micro_batch(spec, 8))
    whole = predict(spec)
    assert half.peak_mib < whole.peak_mib
    # A context that leaves room for half a batch and not for a whole one.
    context_mib = PACKING.usable_mib - (half.allocated_mib + whole.allocated_mib) / 2
    tight = replace(PACKING, calibration=Calibration(1.0, context_mib, 64.0))
    placed = tight.place(spec)
    assert (placed.train.micro_batch, placed.train.batch_size) == (8, 16)
    assert placed.placement.gpu_fraction == 1.0


def with_micro_batch(spec: TrialSpec, micro_batch: int) -> TrialSpec:
    return replace(spec, train=replace(spec.train, micro_batch=micro_batch))


def test_what_does_not_fit_with_one_image_is_rejected_with_both_numbers():
    full = replace(PACKING, calibration=Calibration(1.0, 7200.0))
    placement = full.place(make_spec()).placement
    assert placement.rejection is not None
    assert "with one image at a time, 7200 MiB can be reserved" in placement.rejection
    assert placement.gpu_fraction == 0


def test_a_share_that_was_asked_for_is_reserved_and_bounds_the_micro_batch():
    packing = replace(PACKING, gpus_per_trial=0.3)
    placement = packing.place(make_spec()).placement
    assert placement.gpu_fraction == 0.3
    assert placement.cap_mib == pytest.approx(0.3 * 8000 - 512)
    refused = replace(packing, calibration=Calibration(1.0, 2200.0)).place(make_spec()).placement
    assert refused.rejection is not None


def test_on_a_cpu_memory_is_reserved_with_the_worker_s_own():
    spec = ON_CPU.place(make_spec())
    assert (spec.placement.gpu_fraction, spec.placement.cap_mib) == (0, None)
    assert spec.placement.ram_mib % 256 == 0
    assert 0 <= spec.placement.ram_mib - (predict(spec, ON_CPU).peak_mib + 512) < 256


@pytest.mark.parametrize(("workers", "threads"), [(1, 8), (2, 4), (3, 2), (8, 1), (20, 1)])
def test_workers_times_threads_are_the_cores(workers, threads):
    assert replace(ON_CPU, max_concurrent=workers).num_threads == threads


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(1 / 16, 4), (0.25, 4), (GPU_CLASSES[5], 3), (0.5, 2), (0.75, 1), (1.0, 1)],
)
def test_side_by_side_on_a_card_is_what_adds_up_to_one(fraction, expected):
    assert side_by_side(PACKING, Placement(gpu_fraction=fraction)) == expected


@pytest.mark.parametrize(("ram_mib", "expected"), [(512, 2), (4500, 2), (4501, 1), (9000, 1)])
def test_side_by_side_on_a_cpu_is_what_the_memory_holds(ram_mib, expected):
    assert side_by_side(ON_CPU, Placement(ram_mib=ram_mib)) == expected


def test_nothing_rejected_runs():
    assert side_by_side(PACKING, Placement(rejection="too large")) == 0


def test_trials_wait_for_a_card_but_not_for_cores():
    assert (PACKING.max_live, ON_CPU.max_live) == (6, 2)


def test_a_share_of_a_card_is_refused_on_a_cpu():
    with pytest.raises(UsageError, match=r"--gpus-per-trial shares out a CUDA card, found 0\.5"):
        plan_packing(ON_CPU.card, headroom=0.1, max_concurrent=1, num_cores=1, gpus_per_trial=0.5)


def test_a_headroom_that_leaves_nothing_is_refused():
    with pytest.raises(UsageError, match="lower --headroom"):
        plan_packing(CARD, headroom=0.9, max_concurrent=1, num_cores=1)


def test_a_search_of_which_nothing_fits_is_refused_at_once():
    full = replace(PACKING, calibration=Calibration(1.0, 9000.0))
    with pytest.raises(UsageError, match="a search needs a width that fits, found none"):
        require_fit(full.place(make_spec(8)))


def test_one_width_that_fits_is_enough():
    require_fit(PACKING.place(make_spec(8)))


def test_a_correction_raises_what_is_predicted_and_reserved():
    plain = replace(PACKING, calibration=Calibration(1.0, 0.0))
    spec = make_spec(32, batch_size=16)
    allocated_mib = plain.place(spec).placement.predicted_peak_mib
    assert allocated_mib is not None
    factor = 0.4 * PACKING.usable_mib / allocated_mib
    placement = replace(plain, correction=factor).place(spec).placement
    assert placement.predicted_peak_mib == pytest.approx(0.4 * PACKING.usable_mib)
    assert (placement.gpu_fraction, placement.correction) == (0.5, factor)


def test_with_a_correction_a_micro_batch_still_fits():
    spec = make_spec(32, batch_size=16)
    plain = replace(PACKING, calibration=Calibration(1.0, 512.0))
    allocated_mib = plain.predict(spec).allocated_mib
    packing = replace(plain, correction=1.2 * PACKING.usable_mib / allocated_mib)
    placed = packing.place(spec)
    assert placed.train.micro_batch == 8
    assert placed.placement.predicted_peak_mib + 512 <= PACKING.usable_mib


@pytest.mark.parametrize("share", GPU_CLASSES)
def test_as_many_as_fit_side_by_side_are_no_more_than_the_card_as_ray_counts(share):
    count = side_by_side(replace(PACKING, max_concurrent=100), Placement(gpu_fraction=share))
    assert round(share * 10_000) * count <= 10_000
    assert count == round(1 / share)


def test_a_trial_that_goes_on_keeps_its_micro_batch_and_is_reserved_for_it():
    spec = PACKING.place(with_micro_batch(make_spec(32, batch_size=16), 4))
    assert spec.train.micro_batch is None
    asked = with_micro_batch(spec, 4)
    reserved = PACKING.reserve_again(asked)
    assert reserved.train == asked.train
    assert reserved.placement.predicted_peak_mib == pytest.approx(predict(asked).allocated_mib)


@pytest.mark.parametrize("packing", [PACKING, ON_CPU])
def test_a_trial_that_goes_on_and_does_not_fit_any_more_books_all_that_there_is(packing):
    full = replace(packing, calibration=Calibration(1.0, 20_000.0))
    placement = full.reserve_again(make_spec()).placement
    assert placement.rejection is None
    assert placement.gpu_fraction == packing.num_gpus
    assert placement.ram_mib == (0 if packing.num_gpus else packing.usable_mib)


@given(free_bytes=st.integers(10**9, 10**12))
def test_all_of_a_machine_s_memory_is_asked_for_in_the_bytes_that_ray_is_told_of(free_bytes):
    free_mib = free_bytes / 2**20
    packing = replace(
        ON_CPU,
        card=Card("cpu", "memory", free_mib, free_mib),
        calibration=Calibration(1.0, 2 * free_mib),
    )
    ram_mib = packing.reserve_again(make_spec()).placement.ram_mib
    assert ram_mib * 2**20 == int(packing.usable_mib * 2**20)
