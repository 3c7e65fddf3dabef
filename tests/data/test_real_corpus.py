"""The real Sentinel-1 scenes give the counts and bounds that their manifest tells."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data.calibration import count_codes, fit_bounds_db
from data.dataset import Corpus
from data.prepare import main
from data.sources import find_sources
from data.splits import SplitPlan, split_by_file

VOLKOV, RJANETH = "s1_grd_vh_u8_volkov", "s1_f32_intensity_rjaneth"

pytestmark = [pytest.mark.corpus, pytest.mark.slow]


@pytest.fixture(scope="module")
def corpus(real_scenes, tmp_path_factory) -> Iterator[Corpus]:
    out = tmp_path_factory.mktemp("real") / "s1"
    split_file = real_scenes / "SPLIT.csv"
    code = main([str(real_scenes), "--split-file", str(split_file), "--out", str(out), "--quiet"])
    assert code == 0
    yield Corpus.open(out)
    shutil.rmtree(out)  # 217 MB that pytest would keep for three runs


def test_patches_are_those_of_the_manifest(corpus):
    counts = corpus.index.groupby(["group", "split"]).size().to_dict()
    assert counts == {
        (VOLKOV, "train"): 992,
        (VOLKOV, "val"): 112,
        (VOLKOV, "test"): 496,
        (RJANETH, "train"): 50,
        (RJANETH, "val"): 8,
    }


def test_the_pooled_clip_range_of_the_tiles_is_that_of_the_manifest(corpus):
    histogram = sum(
        count_codes(np.load(corpus.path / record.array))
        for record in corpus.info.sources
        if record.group == VOLKOV
    )
    assert fit_bounds_db(histogram) == pytest.approx((-17.5, 0.0), abs=0.3)


def test_the_training_bounds_of_the_tiles_are_near_the_pooled_ones(corpus):
    # Los Angeles alone trains; its mountains are darker than San Antonio, which tests.
    (bounds,) = (b for b in corpus.info.bounds if b.group == VOLKOV)
    assert (bounds.low_db, bounds.high_db) == pytest.approx((-18.3, 0.0), abs=0.3)


def test_big_endian_scenes_are_read_as_their_headers_say(real_scenes):
    from data.scenes import open_rows

    images = []
    for source in find_sources([real_scenes / RJANETH]).sources:
        with open_rows(source.path, source.band) as read_rows:
            images.append(read_rows(0, source.facts.height_px).values.ravel())
    values = np.concatenate(images)
    assert values.min() == pytest.approx(82, abs=1)
    assert values.max() == pytest.approx(5.2e8, rel=0.01)


def test_every_pixel_of_the_real_scenes_is_valid(corpus):
    assert corpus.index["valid_fraction"].min() == 1.0


def test_the_corpus_costs_two_bytes_per_pixel(corpus):
    num_bytes = sum(file.stat().st_size for file in corpus.path.rglob("*") if file.is_file())
    assert num_bytes / (len(corpus.index) * 256**2) <= 2.1


def test_the_attribution_travels_with_the_corpus(corpus):
    assert corpus.info.attribution.startswith("Contains modified Copernicus Sentinel data 2020")


@pytest.fixture(scope="module")
def plan(real_scenes: Path) -> SplitPlan:
    return split_by_file(find_sources([real_scenes]).sources, real_scenes / "SPLIT.csv")


def test_the_divided_pass_is_said(plan):
    assert plan.warnings[0].startswith("pass S1A_035143 is in train and val")


def test_the_group_without_test_scenes_is_said(plan):
    assert [w.split(":")[0] for w in plan.warnings[1:]] == [
        f"group {RJANETH} (vh) has no test images",
        f"group {RJANETH} (vv) has no test images",
    ]


@pytest.mark.parametrize(("patch_px", "num_patches"), [(128, 6642), (64, 26602)])
def test_smaller_patches_are_counted_without_reading(patch_px, num_patches, real_scenes, capsys):
    args = ["--split-file", real_scenes / "SPLIT.csv", "--out", "unused", "--dry-run"]
    assert main([*map(str, [real_scenes, *args, "--patch-px", patch_px])]) == 0
    assert f"at most {num_patches} patches" in capsys.readouterr().out
