"""No pass in two splits, no patch in the wrong fraction, and the user's file wins."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.calibration import Units
from data.errors import DataError
from data.scenes import RasterFacts
from data.sources import Source
from data.splits import SPLITS, check_seed, nested_order, split_by_file, split_by_pass


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


@given(images_of_passes(), st.integers(0, 99), st.data())
def test_images_without_patches_change_nothing_for_the_others(images, seed, data):
    smalls = [image(f"small{n}", data.draw(st.sampled_from(["p0", "alone"]))) for n in range(3)]
    alone = split_by_pass(images, [1] * len(images), seed)
    beside = split_by_pass([*images, *smalls], [1] * len(images) + [0] * 3, seed)
    assert beside.split_of == {**alone.split_of, **{(s.name, 1): "" for s in smalls}}


def test_a_group_of_images_without_patches_trains_no_pass():
    images = [image(f"{n}", f"p{n}") for n in range(3)] + [image("s", "q", "other")]
    split_of = split_by_pass(images, [1, 1, 1, 0], 0).split_of
    assert sorted(split_of.values()) == ["", "test", "train", "val"]


def test_passes_without_patches_do_not_count_as_passes():
    images = [image(f"{n}", f"p{n}") for n in range(4)]
    with pytest.raises(DataError, match=r"there are 2 pass\(es\)"):
        split_by_pass(images, [1, 1, 0, 0], 0)


@pytest.mark.parametrize("seed", range(5))
def test_an_unknown_polarisation_beside_known_ones_always_trains(seed):
    images = [image(f"{n}", f"p{n}") for n in range(3)]
    images += [image(f"dem{n}", f"q{n}", polarisation="unknown") for n in range(9)]
    split_of = split_by_pass(images, [1] * 12, seed).split_of
    assert {split_of[f"dem{n}", 1] for n in range(9)} == {"train"}


def test_unknown_polarisations_alone_are_split_as_any_other():
    images = [image(f"{n}", f"p{n}", polarisation="unknown") for n in range(3)]
    assert set(split_by_pass(images, [1] * 3, 0).split_of.values()) == set(SPLITS)


def test_a_group_without_validation_and_test_is_said():
    images = [image(f"a{n}", f"p{n}", "a") for n in range(3)] + [image("b", "q", "b", "vh")]
    assert split_by_pass(images, [1] * 4, 0).warnings == (
        "group b (vh) has no val and no test images: val and test scores say nothing about it.",
    )


def test_a_group_without_patches_is_not_missed():
    images = [image(f"a{n}", f"p{n}", "a") for n in range(3)] + [image("b", "q", "b")]
    assert split_by_pass(images, [1, 1, 1, 0], 0).warnings == ()


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


def test_a_split_file_that_leaves_nothing_to_say_warns_of_nothing(scenes, tmp_path):
    images = [replace(source, pass_id=source.name) for source in scenes]
    file = write_split(tmp_path, "path,split", "d/a.npy,train", "d/b.npy,val", "c.npy,test")
    assert split_by_file(images, file).warnings == ()


def test_paths_may_be_relative_to_the_split_file(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "scenes/d,train", "scenes/c.npy,val")
    assert list(split_by_file(scenes, file).split_of.values()) == ["train", "train", "val"]


def test_a_file_is_believed_before_its_folder(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "scenes,train", "scenes/d/b.npy,val")
    assert list(split_by_file(scenes, file).split_of.values()) == ["train", "val", "train"]


def test_a_pass_that_the_file_divides_is_said(scenes, tmp_path):
    file = write_split(tmp_path, "split,path", "train,scenes", "val,scenes/d/b.npy")
    warning, _ = split_by_file(scenes, file).warnings
    assert warning.startswith("pass p is in train and val as the split file says")


def test_rows_outside_the_given_scenes_are_said(scenes, tmp_path):
    (tmp_path / "other.npy").touch()
    file = write_split(tmp_path, "path,split", "scenes,train", "other.npy,val")
    warning, _ = split_by_file(scenes, file).warnings
    assert warning.startswith("1 row(s) of split.csv name files outside")


def test_a_folder_whose_files_are_all_listed_is_not_called_outside(scenes, tmp_path):
    rows = ("scenes/d,test", "scenes/d/a.npy,train", "scenes/d/b.npy,val", "scenes/c.npy,test")
    images = [replace(source, pass_id=source.name) for source in scenes]
    file = write_split(tmp_path, "path,split", *rows)
    assert split_by_file(images, file).warnings == ()


@pytest.mark.parametrize("path", ["x" * 5000, "a/" * 3000])
def test_a_path_that_no_disk_holds_is_refused(path, scenes, tmp_path):
    with pytest.raises(DataError, match="must exist"):
        split_by_file(scenes, write_split(tmp_path, "path,split", "scenes,train", f"{path},val"))


def test_a_scene_without_patches_may_be_left_out_of_the_file(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "scenes/d,train")
    assert split_by_file(scenes, file, [1, 1, 0]).split_of["c.npy", 1] == ""


def test_a_scene_without_patches_may_be_listed(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "scenes/d,train", "scenes/c.npy,test")
    assert split_by_file(scenes, file, [1, 1, 0]).split_of["c.npy", 1] == "test"


def test_a_scene_that_is_not_listed_names_the_closest_path(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "scenes/d,train", "scenes/C.npy,test")
    with pytest.raises(DataError, match=r"closest listed path is scenes/C\.npy"):
        split_by_file(scenes, file)


def test_a_row_that_names_nothing_names_the_closest_scene(scenes, tmp_path):
    file = write_split(tmp_path, "path,split", "scenes,train", "d/b.nyp,val")
    with pytest.raises(DataError, match=r"does not \(the closest scene is d/b\.npy\)"):
        split_by_file(scenes, file)


def test_a_row_may_name_a_file_that_is_no_scene_below_the_scenes(scenes, tmp_path):
    (tmp_path / "scenes" / "d" / "mask.npy").touch()
    file = write_split(tmp_path, "path,split", ".,train", "d/mask.npy,val")
    assert set(split_by_file(scenes, file).split_of.values()) == {"train"}


@pytest.mark.parametrize("seed", [0, 2**32 - 1])
def test_the_ends_of_the_range_are_seeds(seed):
    check_seed(seed)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_number_beyond_the_range_is_no_seed(seed):
    with pytest.raises(DataError, match=f"from 0 to 4294967295, found {seed}:"):
        check_seed(seed)


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
