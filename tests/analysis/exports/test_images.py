"""The table of images holds every score once."""

import dataclasses

import pandas as pd
import pytest

from analysis.exports.images import compute_images, export_images


@pytest.fixture(scope="module")
def images(recorded):
    return compute_images(recorded)


def test_every_score_of_a_network_is_there(images, recorded):
    keys = ["study", "candidate", "seed", "image", "quantiser_step"]
    networks = images[images["candidate"].notna()].rename(columns={"codec": "arch"})
    networks = networks.astype({"seed": "int64", "base_channels": "int32"})
    pd.testing.assert_frame_equal(
        networks[recorded.test.columns].sort_values(keys, ignore_index=True),
        recorded.test.sort_values(keys, ignore_index=True),
        check_dtype=False,
    )


def test_a_codec_is_there_once_although_every_promotion_has_it(images, recorded):
    codecs = images[images["candidate"].isna()]
    keys = ["codec", "ratio", "image"]
    assert not codecs.duplicated(keys).any()
    assert len(codecs) == len(recorded.codecs[keys].drop_duplicates())
    assert len(codecs) < len(recorded.codecs)


def test_the_best_are_one_candidate_of_each_promotion_and_all_codecs(images):
    best = images[images["is_best"]]
    candidates = best.dropna(subset="candidate").groupby("study")["candidate"].nunique()
    assert set(candidates) == {1}
    assert set(candidates.index) == set(images["study"])
    assert set(best["codec"]) == set(images["codec"])


def test_without_test_scores_there_is_nothing_to_write(recorded):
    empty = {name: getattr(recorded, name).iloc[:0] for name in ("test", "codecs")}
    assert export_images(dataclasses.replace(recorded, **empty)).count == 0


def test_the_file_reads_back(images, recorded, tmp_path):
    export_images(recorded).write(tmp_path)
    read = pd.read_csv(tmp_path / "images.csv")
    pd.testing.assert_frame_equal(read, images, check_dtype=False)
