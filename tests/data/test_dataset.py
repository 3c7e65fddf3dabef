"""Opening refuses what is broken; reading gives normalised patches in any order and process."""

import json
import multiprocessing
import os
import pickle
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from data import array_files
from data.calibration import codes_to_db
from data.dataset import INDEX_FILE, Corpus
from data.errors import DataError
from data.info import INFO_FILE


def expected_patches(corpus: Corpus, split: str) -> np.ndarray:
    """Normalise the stored codes by the definition, in float64."""
    (bounds,) = corpus.info.bounds
    rows = corpus.index[corpus.index["split"] == split]
    codes = [
        np.load(corpus.path / a)[r] for a, r in zip(rows["array"], rows["array_row"], strict=True)
    ]
    value_db = np.nan_to_num(codes_to_db(np.stack(codes)).astype(np.float64), nan=-1e9)
    return np.clip((value_db - bounds.low_db) / (bounds.high_db - bounds.low_db), 0, 1)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_patches_are_decibels_between_the_bounds(split, small_corpus):
    patches = small_corpus.patches(split)
    values = patches.read(np.arange(len(patches)))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected_patches(small_corpus, split), atol=5e-6)


def test_positions_may_come_in_any_order_and_repeat(small_corpus):
    patches = small_corpus.patches("train")
    every = patches.read(np.arange(len(patches)))
    positions = np.random.default_rng(0).integers(0, len(patches), 50)
    np.testing.assert_array_equal(patches.read(positions), every[positions])


def test_a_crop_is_that_part_of_the_patch(small_corpus):
    patches = small_corpus.patches("train")
    positions = np.arange(len(patches))
    corners = np.random.default_rng(0).integers(0, 32 - 16 + 1, (len(patches), 2))
    crops = patches.read_crops(positions, corners, 16)
    whole = patches.read(positions)
    for crop, patch, (row, column) in zip(crops, whole, corners, strict=True):
        np.testing.assert_array_equal(crop, patch[row : row + 16, column : column + 16])


def test_invalid_pixels_are_zero(build_small, make_scenes, tmp_path):
    scenes = make_scenes()
    for file in scenes.glob("*.npy"):
        image = np.load(file)
        image[::32, ::32] = np.nan
        np.save(file, image)
    patches = build_small(scenes, tmp_path / "corpus").patches("test")
    assert np.all(patches.read(np.arange(len(patches)))[:, 0, 0] == 0)


def test_an_error_of_one_is_the_range_in_db(small_corpus):
    patches = small_corpus.patches("train")
    (bounds,) = small_corpus.info.bounds
    np.testing.assert_allclose(patches.range_db, bounds.high_db - bounds.low_db, rtol=1e-6)
    np.testing.assert_allclose(patches.low_db, bounds.low_db, rtol=1e-6)


def test_image_ids_tell_scene_polarisation_and_place(small_corpus):
    rows = small_corpus.index[small_corpus.index["split"] == "val"]
    expected = [
        f"{row.scene}/{row.polarisation}/{row.row_px}_{row.col_px}" for row in rows.itertuples()
    ]
    ids = small_corpus.patches("val").image_ids()
    assert ids == expected
    assert len(set(ids)) == len(ids)


def test_a_smaller_fraction_is_contained_in_a_larger_one(small_corpus):
    chosen = [
        set(small_corpus.patches("train", fraction=f, seed=5).image_ids())
        for f in (0.01, 0.05, 0.2, 0.7, 1.0)
    ]
    assert [len(ids) for ids in chosen] == [1, 1, 5, 19, 27]
    assert all(small <= large for small, large in pairwise(chosen))


def test_another_seed_draws_other_training_patches(small_corpus):
    drawn = {
        tuple(small_corpus.patches("train", fraction=0.2, seed=s).image_ids()) for s in range(4)
    }
    assert len(drawn) > 1


def test_reading_survives_pickling(small_corpus):
    patches = small_corpus.patches("train")
    before = patches.read(np.arange(3))
    again = pickle.loads(pickle.dumps(patches))
    np.testing.assert_array_equal(again.read(np.arange(3)), before)


def test_another_process_reads_the_same(small_corpus):
    patches = small_corpus.patches("train")
    before = patches.read(np.arange(5))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        np.testing.assert_array_equal(pool.apply(patches.read, (np.arange(5),)), before)


def test_few_files_are_open_at_a_time_and_none_afterwards(small_corpus, monkeypatch):
    monkeypatch.setattr(array_files, "MAX_OPEN_ARRAYS", 2)
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("open files are counted in /proc, which this system lacks")
    before = len(list(descriptors.iterdir()))
    patches = small_corpus.patches("train")
    values = patches.read(np.arange(len(patches)))
    np.testing.assert_allclose(values, expected_patches(small_corpus, "train"), atol=5e-6)
    assert len(list(descriptors.iterdir())) == before + 2
    del patches
    assert len(list(descriptors.iterdir())) == before


def test_reading_needs_no_fadvise(small_corpus, monkeypatch):
    expected = small_corpus.patches("val").read(np.arange(9))
    monkeypatch.delattr(os, "posix_fadvise")
    np.testing.assert_array_equal(small_corpus.patches("val").read(np.arange(9)), expected)


@pytest.mark.parametrize(
    ("split", "fraction", "message"),
    [
        ("training", 1.0, "one of train, val, test"),
        ("train", 0.0, "above 0 and up to 1"),
        ("train", 1.01, "above 0 and up to 1"),
        ("train", float("nan"), "above 0 and up to 1"),
        ("val", 0.5, "the same at every fidelity"),
    ],
)
def test_a_wrong_selection_is_refused(split, fraction, message, small_corpus):
    with pytest.raises(DataError, match=message):
        small_corpus.patches(split, fraction=fraction)


def test_the_index_is_typed(small_corpus):
    schema = pq.read_schema(small_corpus.path / INDEX_FILE)
    assert {field.name: str(field.type) for field in schema} == {
        "scene": "string",
        "pass": "string",
        "polarisation": "string",
        "group": "string",
        "row_px": "int32",
        "col_px": "int32",
        "valid_fraction": "float",
        "mean_db": "float",
        "split": "string",
        "array": "string",
        "array_row": "int32",
    }


@pytest.fixture
def copy(small_corpus, tmp_path) -> Path:
    return Path(shutil.copytree(small_corpus.path, tmp_path / "copy"))


def edit_info(folder: Path, **changes) -> None:
    fields = json.loads((folder / INFO_FILE).read_text()) | changes
    (folder / INFO_FILE).write_text(json.dumps(fields))


def remove_an_array(folder: Path) -> None:
    next(folder.glob("arrays/*.npy")).unlink()


def cut_an_array(folder: Path) -> None:
    array = next(folder.glob("arrays/*.npy"))
    array.write_bytes(array.read_bytes()[:-100])


def spoil_an_array(folder: Path) -> None:
    array = next(folder.glob("arrays/*.npy"))
    array.write_bytes(b"x" * array.stat().st_size)


def drop_a_column(folder: Path) -> None:
    table = pq.read_table(folder / INDEX_FILE)
    pq.write_table(table.drop_columns(["group"]), folder / INDEX_FILE)


def empty_the_index(folder: Path) -> None:
    pq.write_table(pq.read_table(folder / INDEX_FILE)[:0], folder / INDEX_FILE)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "a corpus is a folder with corpus.json"),
        (lambda folder: (folder / INFO_FILE).unlink(), "has none: make one with"),
        (lambda folder: (folder / INFO_FILE).write_text("{"), "corpus.json cannot be read"),
        (lambda folder: (folder / INFO_FILE).write_text("[]"), "corpus.json cannot be read"),
        (lambda folder: edit_info(folder, bounds=[{"low": 1}]), "corpus.json cannot be read"),
        (lambda folder: edit_info(folder, version=2), "of version 1, and .* has version 2"),
        (lambda folder: edit_info(folder, num_patches={"train": 1}), "count different patches"),
        (lambda folder: (folder / INDEX_FILE).unlink(), "index.parquet cannot be read"),
        (lambda folder: (folder / INDEX_FILE).write_bytes(b"x"), "index.parquet cannot be read"),
        (drop_a_column, "lacks group"),
        (empty_the_index, "has none"),
        (remove_an_array, "is missing"),
        (cut_an_array, "is too short"),
        (spoil_an_array, "has no header"),
    ],
)
def test_a_broken_corpus_is_refused(damage, message, copy):
    damage(copy)
    with pytest.raises(DataError, match=message):
        Corpus.open(copy)


def test_a_file_that_shrinks_later_is_refused_when_read(copy):
    patches = Corpus.open(copy).patches("train")
    for array in copy.glob("arrays/*.npy"):
        array.write_bytes(array.read_bytes()[:1000])
    with pytest.raises(DataError, match="bytes too early"):
        patches.read(np.arange(len(patches)))
