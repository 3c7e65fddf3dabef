"""Batches cover the set, repeat exactly for an epoch number, and never change for evaluation."""

import numpy as np
import pytest

from data.batches import EvalBatches, TrainBatches
from data.errors import DataError


def stack(batches, epoch: int = 0) -> np.ndarray:
    return np.concatenate(list(batches.epoch(epoch)))


@pytest.fixture
def train(small_corpus):
    return small_corpus.patches("train")


@pytest.fixture
def val(small_corpus):
    return small_corpus.patches("val")


def test_the_same_epoch_gives_the_same_batches(train):
    first, again = (TrainBatches(train, 16, 4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(stack(first, 7), stack(again, 7))


@pytest.mark.parametrize(("seed", "epoch"), [(3, 8), (4, 7)])
def test_another_epoch_or_seed_gives_others(seed, epoch, train):
    first = stack(TrainBatches(train, 16, 4, seed=3), 7)
    assert not np.array_equal(first, stack(TrainBatches(train, 16, 4, seed=seed), epoch))


@pytest.mark.parametrize(("crop_px", "num_crops"), [(32, 27), (16, 108), (24, 27), (10, 243)])
def test_an_epoch_covers_as_many_pixels_as_the_patches(crop_px, num_crops, train):
    batches = TrainBatches(train, crop_px, 1, seed=0)
    assert (batches.num_batches, len(stack(batches))) == (num_crops, num_crops)


def test_every_patch_is_visited_equally_often(train):
    crops = stack(TrainBatches(train, 32, 1, seed=0, augment=False))[:, 0]
    whole = train.read(np.arange(len(train)))
    found = [int(np.flatnonzero((whole == crop).all(axis=(1, 2)))[0]) for crop in crops]
    assert sorted(found) == list(range(len(train)))


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(26, [26]), (27, [27]), (28, [27]), (9, [9] * 3)]
)
def test_batches_are_full_unless_there_is_only_one(batch_size, sizes, train):
    batches = TrainBatches(train, 32, batch_size, seed=0)
    assert [len(batch) for batch in batches.epoch(0)] == sizes
    assert batches.num_batches == len(sizes)


def test_augmentation_mirrors_and_never_turns(train):
    whole = train.read(np.arange(len(train)))
    mirrored = [whole, whole[:, ::-1], whole[:, :, ::-1], whole[:, ::-1, ::-1]]
    crops = stack(TrainBatches(train, 32, 1, seed=0))[:, 0]
    used = [
        next(kind for kind, images in enumerate(mirrored) if (images == crop).all((1, 2)).any())
        for crop in crops
    ]
    assert set(used) == {0, 1, 2, 3}


def test_crops_reach_every_corner_of_a_patch(train):
    batches = TrainBatches(train, 30, 1, seed=0, augment=False)
    whole = train.read(np.arange(len(train)))
    seen = set()
    for epoch in range(4):
        for crop in stack(batches, epoch)[:, 0]:
            for row in range(3):
                for column in range(3):
                    window = whole[:, row : row + 30, column : column + 30]
                    if (window == crop).all((1, 2)).any():
                        seen.add((row, column))
    assert seen == {(row, column) for row in range(3) for column in range(3)}


def test_batches_have_a_channel_axis_and_float32(train):
    batch = next(TrainBatches(train, 16, 4, seed=0).epoch(0))
    assert (batch.shape, batch.dtype) == ((4, 1, 16, 16), np.float32)


def test_evaluation_takes_centre_crops_in_order(val):
    crops = stack(EvalBatches(val, 16, 4))
    whole = val.read(np.arange(len(val)))
    np.testing.assert_array_equal(crops[:, 0], whole[:, 8:24, 8:24])


def test_evaluation_is_the_same_in_every_epoch(val):
    batches = EvalBatches(val, 16, 4)
    np.testing.assert_array_equal(stack(batches, 1), stack(batches, 9))


@pytest.mark.parametrize(
    ("limit", "positions"), [(1, [0]), (3, [0, 3, 6]), (9, range(9)), (99, range(9))]
)
def test_a_limit_spreads_over_the_split(limit, positions, val):
    batches = EvalBatches(val, 16, 4, limit=limit)
    assert batches.positions.tolist() == list(positions)
    assert batches.num_images == len(stack(batches)) == len(list(positions))


def test_the_last_evaluation_batch_may_be_short(val):
    batches = EvalBatches(val, 16, 4)
    assert [len(batch) for batch in batches.epoch()] == [4, 4, 1]
    assert batches.num_batches == 3


@pytest.mark.parametrize("crop_px", [0, 33])
def test_a_crop_that_does_not_fit_is_refused(crop_px, train, val):
    with pytest.raises(DataError, match=f"found {crop_px} px"):
        TrainBatches(train, crop_px, 4, seed=0)
    with pytest.raises(DataError, match=f"found {crop_px} px"):
        EvalBatches(val, crop_px, 4)


def test_an_empty_batch_or_evaluation_is_refused(train, val):
    with pytest.raises(DataError, match="at least one crop"):
        TrainBatches(train, 16, 0, seed=0)
    with pytest.raises(DataError, match="at least one image"):
        EvalBatches(val, 16, 4, limit=0)
