"""No pass in two splits, no patch in the wrong fraction, and the user's file wins."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.calibration import Units
from data.errors import DataError
from data.scenes import RasterFacts
from data.sources import Source
from data.splits import SPLITS, nested_order, split_by_file, split_by_pass


def image(name: str, pass_id: str, group: str = "g", polarisation: str = "vv") -> Source:
    return Source(
        path=Path("/scenes") / name,
        name=name,
        band=1,
        scene=name,
        pass_id=pass_id,
        polarisation=polarisation,
        group=group,
        units=Units.INTENSITY,
        units_reason="test",
        product="",
        facts=RasterFacts(16, 16, "float32"),
    )


@st.composite
def images_of_passes(draw):
    num_passes = draw(st.integers(3, 12))
    sizes = draw(st.lists(st.integers(1, 5), min_size=num_passes, max_size=num_passes))
    return [
        image(f"p{number}_{slice_}.npy", f"p{number}")
        for number, size in enumerate(sizes)
        for slice_ in range(size)
    ]


@given(images_of_passes(), st.integers(0, 99))
def test_a_pass_is_in_one_split_and_no_split_is_empty(images, seed):
    plan = split_by_pass(images, [1] * len(images), seed)
    where = {}
    for source in images:
        where.setdefault(source.pass_id, set()).add(plan.split_of[source.name, 1])
    assert all(len(splits) == 1 for splits in where.values())
    assert set().union(*where.values()) == set(SPLITS)


@given(images_of_passes(), st.integers(0, 99))
def test_the_split_does_not_depend_on_the_order_of_the_images(images, seed):
    there = split_by_pass(images, [1] * len(images), seed)
    back = split_by_pass(images[::-1], [1] * len(images), seed)
    assert there.split_of == back.split_of


def test_equal_passes_are_split_eighty_ten_ten():
    images = [image(f"{n}", f"p{n}") for n in range(20)]
    splits = list(split_by_pass(images, [5] * 20, 0).split_of.values())
    assert [splits.count(split) for split in SPLITS] == [16, 2, 2]


def test_another_seed_draws_other_passes():
    images = [image(f"{n}", f"p{n}") for n in range(20)]
    drawn = {tuple(split_by_pass(images, [5] * 20, seed).split_of.values()) for seed in range(5)}
    assert len(drawn) > 1


def test_every_group_and_polarisation_has_a_training_pass():
    images = [image(f"{n}a", f"p{n}", "a", "vv") for n in range(9)] + [
        image("b", "q", "b", "vv"),
        image("c", "r", "a", "vh"),
    ]
    split_of = split_by_pass(images, [1] * len(images), 3).split_of
    assert (split_of["b", 1], split_of["c", 1]) == ("train", "train")


def test_a_group_of_two_passes_is_also_evaluated():
    images = [image(f"a{n}", f"p{n}", "a") for n in range(8)]
    images += [image(f"b{n}", f"q{n}", "b") for n in range(2)]
    split_of = split_by_pass(images, [1] * 8 + [100] * 2, 0).split_of
    assert {split_of["b0", 1], split_of["b1", 1]} > {"train"}


@pytest.mark.parametrize("num_passes", [1, 2])
def test_too_few_passes_ask_for_a_split_file(num_passes):
    images = [image(f"{n}", f"p{n % num_passes}") for n in range(6)]
    with pytest.raises(DataError, match="give --split-file"):
        split_by_pass(images, [1] * 6, 0)


@pytest.fixture
def scenes(tmp_path) -> list[Source]:
    """Three images in a folder, two of the same pass."""
    from dataclasses import replace

    images = []
    for name, pass_id in (("d/a.npy", "p"), ("d/b.npy", "p"), ("c.npy", "q")):
        path = tmp_path / "scenes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        images.append(replace(image(name, pass_id), path=path))
    return images


def write_split(folder: Path, *rows: str) -> Path:
    path = folder / "split.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_a_split_file_decides_by_path(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "d/a.npy,train", "d/b.npy,train", "c.npy,test")
    file = file.rename(tmp_path / "scenes" / "split.csv")
    plan = split_by_file(scenes, file)
    assert list(plan.split_of.values()) == ["train", "train", "test"]
    assert plan.warnings == ()


def test_paths_may_be_relative_to_the_split_file(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "scenes/d,train", "scenes/c.npy,val")
    assert list(split_by_file(scenes, file).split_of.values()) == ["train", "train", "val"]


def test_a_file_is_believed_before_its_folder(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "scenes,train", "scenes/d/b.npy,val")
    assert list(split_by_file(scenes, file).split_of.values()) == ["train", "val", "train"]


def test_a_pass_that_the_file_divides_is_said(scenes, tmp_path):
    file = write_split(tmp_path, "split,path", "train,scenes", "val,scenes/d/b.npy")
    (warning,) = split_by_file(scenes, file).warnings
    assert warning.startswith("pass p is in train and val as the split file says")


def test_rows_outside_the_given_scenes_are_said(scenes, tmp_path):
    (tmp_path / "other.npy").touch()
    file = write_split(tmp_path, "path,split", "scenes,train", "other.npy,val")
    (warning,) = split_by_file(scenes, file).warnings
    assert warning.startswith("1 row(s) of split.csv name files outside")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (("path,part", "scenes,train"), "lacks split"),
        (("",), "lacks path and split"),
        (("path,split", "scenes,training"), "says 'training' for scenes"),
        (("path,split", "scenes/d,train"), r"does not list c\.npy"),
        (("path,split", "scenes,train", "gone.npy,val"), r"gone\.npy of split\.csv does not"),
    ],
)
def test_a_wrong_split_file_is_refused(rows, message, scenes, tmp_path):
    with pytest.raises(DataError, match=message):
        split_by_file(scenes, write_split(tmp_path, *rows))


def test_a_missing_split_file_is_refused(scenes, tmp_path):
    with pytest.raises(DataError, match="check --split-file"):
        split_by_file(scenes, tmp_path / "none.csv")


STRATA = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(np.array)


@given(STRATA, st.integers(0, 99))
def test_the_order_holds_every_patch_once(strata, seed):
    assert sorted(nested_order(strata, seed)) == list(range(len(strata)))


@given(STRATA, st.integers(0, 99), st.floats(0.05, 1))
def test_a_prefix_is_a_fair_sample_of_every_stratum(strata, seed, fraction):
    chosen = strata[nested_order(strata, seed)[: round(fraction * len(strata))]]
    num_strata = len(np.unique(strata))
    for stratum in np.unique(strata):
        expected = fraction * np.count_nonzero(strata == stratum)
        # Each stratum's share is exact to a patch; the cut may fall among those of all strata.
        assert abs(np.count_nonzero(chosen == stratum) - expected) <= num_strata + 1
