"""A corpus is whole or absent, cheap to store, and the same for the same inputs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.calibration import codes_to_db
from data.dataset import Corpus
from data.errors import DataError
from data.summary import describe_losses

SPLIT_OF = {"a": "train", "b": "val", "c": "test"}


def scene_file(root: Path, letter: str) -> Path:
    return root / "g" / f"{letter}_vv_intensity.npy"


def speckle(seed: int, shape: tuple[int, int] = (96, 96)) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.4, 0.1, shape).astype(np.float32)


@pytest.fixture
def scenes(tmp_path) -> Path:
    """One group of three scenes of 3 x 3 patches, listed in a split file."""
    root = tmp_path / "scenes"
    (root / "g").mkdir(parents=True)
    rows = ["path,split"]
    for seed, (letter, split) in enumerate(SPLIT_OF.items()):
        np.save(scene_file(root, letter), speckle(seed))
        rows.append(f"{scene_file(root, letter).relative_to(root)},{split}")
    (root / "split.csv").write_text("\n".join(rows))
    return root


@pytest.fixture
def build_scenes(build_small, scenes, tmp_path) -> Callable[..., Corpus]:
    def build(name: str = "corpus", **options) -> Corpus:
        return build_small(scenes, tmp_path / name, scenes / "split.csv", **options)

    return build


def test_stored_codes_are_the_scene_within_half_a_step(build_scenes):
    corpus = build_scenes()
    row = corpus.index[corpus.index["scene"] == "g/a"].iloc[5]
    codes = np.load(corpus.path / row["array"])[row["array_row"]]
    place = np.s_[row["row_px"] : row["row_px"] + 32, row["col_px"] : row["col_px"] + 32]
    np.testing.assert_allclose(codes_to_db(codes), 10 * np.log10(speckle(0)[place]), atol=0.00251)


def test_a_stored_pixel_costs_two_bytes(build_small, tmp_path):
    (tmp_path / "big").mkdir()
    for number in range(3):
        np.save(tmp_path / "big" / f"{number}_intensity.npy", speckle(number, (512, 512)))
    corpus = build_small(tmp_path / "big", tmp_path / "corpus", patch_px=128)
    num_bytes = sum(file.stat().st_size for file in corpus.path.rglob("*") if file.is_file())
    assert num_bytes / (3 * 512 * 512) <= 2.1


def test_bounds_come_from_training_patches_alone(build_scenes, scenes):
    corpus = build_scenes()
    np.save(scene_file(scenes, "c"), 1000 * speckle(2))
    np.save(scene_file(scenes, "b"), 1000 * speckle(1))
    assert build_scenes("other").info.bounds == corpus.info.bounds


def test_bounds_are_those_of_an_independent_percentile(build_scenes):
    (bounds,) = build_scenes().info.bounds
    expected = np.percentile(10 * np.log10(speckle(0)), [1, 99])
    assert (bounds.low_db, bounds.high_db) == pytest.approx(expected, abs=0.01)


def test_each_group_and_polarisation_has_its_own_bounds(build_small, tmp_path):
    for number in range(9):
        for polarisation, gain in (("vv", 1.0), ("vh", 0.1)):
            for group, group_gain in (("g", 1.0), ("h", 1e4)):
                file = tmp_path / "s" / group / f"{number}_{polarisation}_intensity.npy"
                file.parent.mkdir(parents=True, exist_ok=True)
                np.save(file, gain * group_gain * speckle(number))
    corpus = build_small(tmp_path / "s", tmp_path / "corpus")
    low = {(b.group, b.polarisation): b.low_db for b in corpus.info.bounds}
    assert set(low) == {("g", "vh"), ("g", "vv"), ("h", "vh"), ("h", "vv")}
    assert low["g", "vh"] == pytest.approx(low["g", "vv"] - 10, abs=1.5)


def test_a_scene_with_forty_percent_nodata_yields_its_valid_patches(build_scenes, scenes):
    image = speckle(0, (160, 160))
    image[:, :64] = 0
    np.save(scene_file(scenes, "a"), image)
    corpus = build_scenes()
    kept = corpus.index[corpus.index["scene"] == "g/a"]
    assert (len(kept), kept["col_px"].min()) == (15, 64)
    record = next(r for r in corpus.info.sources if r.scene == "g/a")
    assert (record.num_patches, record.num_dropped) == (15, 10)


def test_training_patches_alone_overlap(build_scenes):
    assert build_scenes(train_overlap=0.5).info.num_patches == {"train": 25, "val": 9, "test": 9}


def test_an_image_smaller_than_a_patch_gives_none(build_scenes, scenes):
    np.save(scene_file(scenes, "c"), speckle(2, (31, 200)))
    corpus = build_scenes()
    assert corpus.info.num_patches["test"] == 0
    assert next(r for r in corpus.info.sources if r.split == "test").array == ""


def files_of(folder: Path) -> dict[str, bytes]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def test_the_same_inputs_give_the_same_bytes(build_scenes):
    first, second = (files_of(build_scenes(name).path) for name in ("one", "two"))
    first["corpus.json"] = first["corpus.json"].replace(b'"name": "one"', b'"name": "two"')
    assert first == second


def test_a_corpus_may_be_moved(build_scenes, tmp_path):
    corpus = build_scenes()
    before = corpus.patches("test").read(np.arange(9))
    shutil.move(corpus.path, tmp_path / "elsewhere")
    after = Corpus.open(tmp_path / "elsewhere").patches("test").read(np.arange(9))
    np.testing.assert_array_equal(before, after)


def test_no_path_of_this_machine_is_stored(build_scenes, tmp_path):
    corpus = build_scenes()
    assert all(str(tmp_path).encode() not in content for content in files_of(corpus.path).values())


def test_other_options_content_and_split_change_the_fingerprint(build_scenes, scenes):
    prints = [build_scenes("one").info.fingerprint]
    prints.append(build_scenes("two", min_valid_fraction=0.5).info.fingerprint)
    np.save(scene_file(scenes, "c"), speckle(7))
    prints.append(build_scenes("three").info.fingerprint)
    listed = (scenes / "split.csv").read_text()
    (scenes / "split.csv").write_text(listed.replace("val", "TEST").replace("test", "val"))
    (scenes / "split.csv").write_text((scenes / "split.csv").read_text().replace("TEST", "test"))
    prints.append(build_scenes("four").info.fingerprint)
    assert len(set(prints)) == 4


def test_the_split_fingerprint_covers_content_but_not_the_name(build_scenes, scenes):
    one, two = (build_scenes(name).info.split_fingerprint for name in ("one", "two"))
    np.save(scene_file(scenes, "c"), speckle(7))
    assert one == two != build_scenes("three").info.split_fingerprint


@pytest.mark.parametrize(
    ("letter", "image", "message"),
    [
        ("b", np.zeros((96, 96), np.float32), r"all of g/b.* are zero"),
        ("a", np.ones((96, 96), np.float32), r"9 constant ones were left out"),
        ("a", np.ones((8, 8), np.float32), "a corpus needs train patches"),
        ("b", np.ones((8, 8), np.float32), "a corpus needs val patches"),
        ("c", speckle(0), "have the same content"),
    ],
)
def test_scenes_without_use_are_refused_and_leave_nothing(
    letter, image, message, build_scenes, scenes, tmp_path
):
    np.save(scene_file(scenes, letter), image)
    with pytest.raises(DataError, match=message):
        build_scenes("deep/corpus")
    assert [path.name for path in tmp_path.iterdir()] == ["scenes"]


def test_a_group_that_never_trains_is_refused(build_scenes, scenes):
    (scenes / "h").mkdir()
    np.save(scenes / "h" / "d_vv_intensity.npy", speckle(9))
    with (scenes / "split.csv").open("a") as rows:
        rows.write("\nh/d_vv_intensity.npy,test")
    with pytest.raises(DataError, match=r"group h \(vv\) has none"):
        build_scenes()


def test_a_file_that_ends_while_it_is_cut_leaves_nothing(build_small, write_tiff, tmp_path):
    from data.builder import build_corpus
    from data.plan import PrepareOptions, hash_sources, plan_corpus

    for number in range(3):
        write_tiff(tmp_path / "s" / f"{number}_amplitude.tif", [(100 * speckle(number))])
    plan = plan_corpus([tmp_path / "s"], PrepareOptions(patch_px=32), name="x")
    hashes = hash_sources(plan)
    last = plan.sources[-1].path
    last.write_bytes(last.read_bytes()[:20_000])
    with pytest.raises(DataError, match="must be complete"):
        build_corpus(plan, hashes, tmp_path / "corpus", lambda amount: None)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_progress_ends_at_the_number_of_pixels(make_scenes, tmp_path):
    from data.builder import build_corpus
    from data.plan import PrepareOptions, hash_sources, plan_corpus

    plan = plan_corpus([make_scenes()], PrepareOptions(patch_px=32, train_overlap=0.5), name="x")
    steps: list[int] = []
    build_corpus(plan, hash_sources(plan), tmp_path / "corpus", steps.append)
    assert sum(steps) == sum(source.num_pixels for source in plan.sources)


def test_an_occupied_folder_is_left_alone(build_scenes, tmp_path):
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="give another --out"):
        build_scenes()
    assert files_of(tmp_path / "corpus") == {"notes.txt": b"mine"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch_px": 40}, "multiple of 16"),
        ({"min_valid_fraction": 1.5}, "between 0 and 1"),
        ({"train_overlap": 1.0}, "between 0 and 0.9"),
        ({"patch_px": 112}, "the widest has 96 px"),
    ],
)
def test_options_out_of_range_are_refused(options, message, build_scenes):
    with pytest.raises(DataError, match=message):
        build_scenes(**options)


def test_the_info_is_json_that_explains_the_codes(build_scenes):
    fields = json.loads((build_scenes().path / "corpus.json").read_text())
    assert fields["encoding"] == {
        "dtype": "uint16",
        "offset_db": -150.0,
        "step_db": 0.005,
        "invalid_code": 0,
    }


def test_constant_patches_and_implausible_pixels_are_counted(build_scenes, scenes):
    image = 10 * np.log10(speckle(7))
    image[:32], image[32, :5] = -15.0, -9999.0
    scene_file(scenes, "a").unlink()
    np.save(scenes / "g" / "a_vv_db.npy", image)
    (scenes / "split.csv").write_text(
        (scenes / "split.csv").read_text().replace("a_vv_intensity", "a_vv_db")
    )
    info = build_scenes().info
    (record,) = (r for r in info.sources if r.units == "db")
    assert (record.num_constant, record.num_implausible_px, record.num_dropped) == (3, 5, 0)
    said = " ".join(describe_losses(info))
    assert "Dropped as constant: 3 patches whose valid pixels spread less than 0.05 dB" in said
    assert "Made invalid: 5 pixels with values that no radar measures" in said


def test_a_corpus_of_before_these_counts_is_read(build_scenes):
    corpus = build_scenes()
    file = corpus.path / "corpus.json"
    content = json.loads(file.read_text())
    for source in content["sources"]:
        del source["num_constant"], source["num_implausible_px"]
    file.write_text(json.dumps(content))
    assert {r.num_constant for r in Corpus.open(corpus.path).info.sources} == {0}
