"""Pixels that two splits would share are found, and nothing else is taken for them."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.control import GroundControlPoint

from data.errors import DataError
from data.footprints import check_ground, footprint_of
from data.leaks import (
    Footprint,
    PlacedImage,
    TwinPatches,
    find_overlaps,
    moment_of_image,
    read_moment,
)
from data.plan import PrepareOptions, plan_corpus
from data.scenes import read_facts

DAY = (20200101, -1)


def placed(name: str, west: float, split: str = "train", **known) -> PlacedImage:
    """Return an image of 10 x 10 units and patches of 1 x 1."""
    footprint = Footprint(known.pop("crs", "EPSG:32617"), west, 0, west + 10, 10)
    known = {"pass_id": name, "has_orbit": False, "date": DAY} | known
    return PlacedImage(name=name, split=split, footprint=footprint, patch_area=1.0, **known)


def counts(*images: PlacedImage) -> tuple[int, int]:
    same, other = find_overlaps(images)
    return same.num, other.num


def test_overlapping_images_of_one_date_are_one_acquisition():
    assert counts(placed("a", 0), placed("b", 5, "val")) == (1, 0)


def test_overlapping_images_of_one_pass_are_one_acquisition():
    a, b = placed("a", 0, pass_id="p", date=(0, -1)), placed("b", 5, "val", pass_id="p")
    assert counts(a, b) == (1, 0)


@pytest.mark.parametrize("date", [(20200102, -1), (0, -1)])
def test_another_or_no_date_is_another_acquisition(date):
    assert counts(placed("a", 0), placed("b", 5, "val", date=date)) == (0, 1)


def test_images_without_dates_are_not_of_one_date():
    assert counts(placed("a", 0, date=(0, -1)), placed("b", 5, "val", date=(0, -1))) == (0, 1)


def test_two_orbits_of_one_date_are_two_acquisitions():
    a, b = placed("a", 0, has_orbit=True), placed("b", 5, "val", has_orbit=True)
    assert counts(a, b) == (0, 1)


@pytest.mark.parametrize(("seconds", "found"), [(3, (1, 0)), (5940, (0, 1))])
def test_neighbouring_orbits_of_one_date_are_told_by_the_hour(seconds, found):
    a, b = (
        placed("a", 0, date=(20200101, 100)),
        placed("b", 5, "val", date=(20200101, 100 + seconds)),
    )
    assert counts(a, b) == found


@pytest.mark.parametrize(
    ("west", "split", "crs"),
    [
        (5, "train", "EPSG:32617"),
        (10, "val", "EPSG:32617"),
        (9.9, "val", "EPSG:32617"),
        (20, "val", "EPSG:32617"),
        (5, "val", "EPSG:32618"),
    ],
    ids=["one split", "side by side", "just one patch", "apart", "another reference system"],
)
def test_no_ground_is_shared(west, split, crs):
    assert counts(placed("a", 0), placed("b", west, split, crs=crs)) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["train", "val", "test"]))))
def test_pairs_are_those_of_comparing_each_with_each(drawn):
    images = [placed(f"i{n}", west, split) for n, (west, split) in enumerate(drawn)]
    expected = sum(
        a.split != b.split and abs(a.footprint.west - b.footprint.west) < 10
        for number, a in enumerate(images)
        for b in images[:number]
    )
    assert counts(*images) == (expected, 0)


def test_the_first_pairs_are_named_and_the_others_counted():
    same, _ = find_overlaps([placed("a", 0), *(placed(f"v{n}", 1, "val") for n in range(5))])
    assert same.describe() == (
        "a (train) and v0 (val), a (train) and v1 (val), a (train) and v2 (val), 2 more pair(s)"
    )


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("S1A_IW_GRDH_1SDV_20201107T135241_20201107T135306_035143_041A16_322B", (20201107, 49961)),
        ("s1a-iw-grd-vh-20201107t135241-20201107t135306-035143.tiff", (20201107, 49961)),
        ("OPERA_L2_RTC-S1_T034-071090-IW3_20230610T002900Z_20230928T203216Z", (20230610, 1740)),
        ("ERS_19950403.tif", (19950403, -1)),
        ("tile_2020-11-07_3.tif", (20201107, -1)),
        ("20201107135241.tif", (20201107, 49961)),
        ("20201307.tif", (0, -1)),
        ("120201107.tif", (0, -1)),
        ("2020110.tif", (0, -1)),
    ],
)
def test_dates_are_read_from_names(text, date):
    assert read_moment([text]) == date


def test_the_product_is_believed_before_the_file_and_the_file_before_its_folder():
    assert moment_of_image("20190101/a_20180101.tif", "")[0] == 20180101
    assert moment_of_image("20190101/a.tif", "")[0] == 20190101
    assert moment_of_image("20190101/a_20180101.tif", "S1A_20170101T000000_x")[0] == 20170101


def patches(seed: int, count: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 65535, (count, 16, 16), dtype=np.uint16)


def add_all(*images: tuple[str, str, np.ndarray]) -> TwinPatches:
    twins = TwinPatches()
    for name, split, codes in images:
        twins.add(name, split, codes)
    return twins


def test_identical_patches_in_two_splits_are_refused_naming_both():
    twins = add_all(
        ("a", "train", patches(0)), ("b", "val", np.concatenate([patches(1), patches(0)]))
    )
    with pytest.raises(DataError, match=r"a \(train\) and b \(val\) share 2: leave"):
        twins.refuse()


def test_every_pair_of_splits_is_counted():
    twins = add_all(*((f"{n}", split, patches(0)) for n, split in enumerate(["train", "val"] * 2)))
    with pytest.raises(DataError, match=r"and 1 more pair\(s\)"):
        twins.refuse()


@pytest.mark.parametrize(
    "images",
    [
        [("a", "train", patches(0)), ("b", "train", patches(0))],
        [("a", "train", patches(0)), ("b", "val", patches(1))],
        [("a", "train", np.concatenate([patches(0), patches(0)]))],
        [("a", s, np.full((2, 16, 16), 9, np.uint16)) for s in ("train", "val")],
        [(s, s, np.where(np.eye(16), 9, 0)[None].astype(np.uint16)) for s in ("train", "val")],
    ],
    ids=["one split", "other pixels", "within an image", "constant", "constant but for invalid"],
)
def test_patches_that_leak_nothing_are_no_twins(images):
    add_all(*images).refuse()


def test_a_patch_that_is_only_nearly_constant_is_a_twin():
    almost = np.full((1, 16, 16), 30000, np.uint16)
    almost[0, ::2] += 22  # 0.055 dB of standard deviation
    with pytest.raises(DataError, match="identical"):
        add_all(("a", "train", almost), ("b", "test", almost)).refuse()


IMAGE = np.ones((20, 40), np.float32)


def test_a_footprint_is_the_rectangle_of_the_image(write_tiff, tmp_path):
    path = write_tiff(
        tmp_path / "a.tif", [IMAGE], crs="EPSG:32617", transform=Affine(10, 0, 500, 0, -10, 900)
    )
    assert footprint_of(read_facts(path)) == Footprint("EPSG:32617", 500, 700, 900, 900)


def test_the_rectangle_holds_a_turned_image(write_tiff, tmp_path):
    turned = Affine(0, -1, 0, 1, 0, 0)
    path = write_tiff(tmp_path / "a.tif", [IMAGE], crs="EPSG:32617", transform=turned)
    found = footprint_of(read_facts(path))
    assert (found.west, found.south, found.east, found.north) == pytest.approx((-20, 0, 0, 40))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_ground_control_points_give_the_rectangle_around_them(tmp_path):
    corners = [(0, 0, 10.0, 52.0), (0, 40, 14.0, 52.5), (20, 0, 10.5, 50.0), (20, 40, 14.5, 50.5)]
    with rasterio.open(
        tmp_path / "a.tiff", "w", driver="GTiff", height=20, width=40, count=1, dtype="uint16"
    ) as dataset:
        points = [GroundControlPoint(row=r, col=c, x=x, y=y) for r, c, x, y in corners]
        dataset.gcps = points, rasterio.CRS.from_epsg(4326)
    assert footprint_of(read_facts(tmp_path / "a.tiff")) == Footprint(
        "EPSG:4326", 10.0, 50.0, 14.5, 52.5
    )


@pytest.mark.parametrize("georeference", [{"transform": None}, {"crs": None}])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_file_without_georeference_lies_nowhere(georeference, write_tiff, tmp_path):
    assert footprint_of(read_facts(write_tiff(tmp_path / "a.tif", [IMAGE], **georeference))) is None


def test_a_file_without_a_place_for_it_lies_nowhere(tmp_path):
    np.save(tmp_path / "a.npy", IMAGE)
    assert footprint_of(read_facts(tmp_path / "a.npy")) is None


@pytest.fixture
def write_tiles(write_tiff, tmp_path):
    """Writes tiles of 64 x 64 px of 10 m at the given eastings, each its own pass."""

    def write(names_and_eastings, **profile):
        for seed, (name, east) in enumerate(names_and_eastings):
            image = np.random.default_rng(seed).gamma(4.4, 0.1, (64, 64)).astype(np.float32)
            write_tiff(
                tmp_path / "s" / f"{name}_vv_intensity.tif",
                [image],
                **{"crs": "EPSG:32617", "transform": Affine(10, 0, east, 0, -10, 0)} | profile,
            )
        return tmp_path / "s"

    return write


def plan(scenes, split_file=None, patch_px=32):
    return plan_corpus([scenes], PrepareOptions(patch_px=patch_px), name="x", split_file=split_file)


def write_split(scenes, *splits):
    names = sorted(path.name for path in scenes.glob("*.tif"))
    lines = [f"{name},{split}" for name, split in zip(names, splits, strict=True)]
    (scenes / "split.csv").write_text("\n".join(["path,split", *lines]))
    return scenes / "split.csv"


ONE_DATE = [("a_20200101", 0), ("b_20200101", 300), ("c_20200101", 600)]


def test_tiles_of_one_date_are_one_pass_and_never_part(write_tiles):
    with pytest.raises(DataError, match=r"there are 1 pass\(es\)"):
        plan(write_tiles(ONE_DATE))


def test_overlapping_tiles_of_one_date_are_a_warning_when_the_file_decides(write_tiles):
    scenes = write_tiles(ONE_DATE)
    warnings = plan(scenes, write_split(scenes, "train", "val", "test")).split.warnings
    assert [w.split(":")[0] for w in warnings] == [
        "pass 20200101 is in train and val and test as the split file says",
        "images of one acquisition overlap in different splits as the split file says",
    ]


def test_tiles_side_by_side_are_neither(write_tiles):
    scenes = write_tiles([("a_20200101", 0), ("b_20200102", 640), ("c_20200103", 1280)])
    assert plan(scenes).split.warnings == ()


def test_one_transform_for_all_is_one_warning(write_tiles):
    scenes = write_tiles([(f"s{n}", 500_000) for n in range(6)])
    (warning,) = plan(scenes).split.warnings
    assert warning.startswith("images in different splits cover the same ground")
    assert "more pair(s)" in warning


def test_images_without_patches_share_no_ground(write_tiles):
    with pytest.raises(DataError, match="at least one patch"):
        plan(write_tiles(ONE_DATE), patch_px=128)


def test_bands_of_one_file_are_placed_once(write_tiff, tmp_path):
    for number in range(3):
        write_tiff(
            tmp_path / "s" / f"s{number}_intensity.tif",
            [IMAGE * (number + 1), IMAGE * (number + 2)],
            names=("VV", "VH"),
            crs="EPSG:32617",
        )
    found = plan_corpus([tmp_path / "s"], PrepareOptions(patch_px=16), name="x")
    lines = check_ground(found.sources, [1] * 6, found.split, 16, is_from_file=False)
    assert "s0_intensity.tif" in lines[0]
    assert "2 more pair(s)" in lines[0]
