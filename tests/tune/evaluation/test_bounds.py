"""The bounds table of a promotion: one line per footing and spectrum."""

from dataclasses import replace

import numpy as np
import pytest

from models.coding.gaussian_bound import fit_spectrum
from tune.evaluation.bounds import RATES_BPP, bound_rows
from tune.evaluation.images import ImageSet
from tune.tables.files import read_table, write_table

CORPUS = {"corpus": "tiny", "is_synthetic": True, "corpus_fingerprint": "c0"}


def image_set(num_images=6, seed=0, group="north") -> ImageSet:
    pixels = np.random.default_rng(seed).random((num_images, 1, 32, 32), np.float32)
    names = tuple(f"{group}_{seed}_{i}" for i in range(num_images))
    facts = {
        "scene": "s",
        "group": group,
        "polarisation": "VH",
        "crop_px": 32,
        "low_db": -20.0,
        "high_db": 0.0,
    }
    return ImageSet(pixels, names, [facts | {"image": name} for name in names])


def joined(one: ImageSet, other: ImageSet) -> ImageSet:
    pixels = np.concatenate([one.pixels, other.pixels])
    return ImageSet(pixels, one.names + other.names, [*one.facts, *other.facts])


def line(rows, **wanted) -> list[float]:
    return [r["psnr_db"] for r in rows if all(r[name] == value for name, value in wanted.items())]


def test_the_rows_are_a_table_and_come_back(study_folder):
    rows = bound_rows("study", CORPUS, image_set(seed=1), image_set())
    write_table(study_folder.tables, "bounds", rows)
    found = read_table(study_folder.path.parent, "bounds")
    assert len(found) == 2 * len(RATES_BPP)
    assert set(found["num_images"]) == {6}


def test_the_lines_are_those_of_the_test_and_of_the_training_images():
    train, test = image_set(seed=1), image_set()
    rows = bound_rows("study", CORPUS, train, test)
    for split, images in (("train", train), ("test", test)):
        expected = fit_spectrum(images.pixels[:, 0]).psnr_db(RATES_BPP)
        assert line(rows, spectrum_of=split) == pytest.approx(list(expected))


def test_images_of_other_bounds_have_a_line_of_their_own():
    north, south = image_set(), image_set(seed=2, group="south")
    rows = bound_rows("study", CORPUS, image_set(seed=1), joined(north, south))
    alone = bound_rows("study", CORPUS, image_set(seed=1), south)
    assert line(rows, group="south") == line(alone, group="south")
    assert not line(rows, group="south", spectrum_of="train")  # no training images of that group


def test_images_of_one_value_have_no_line():
    flat = replace(image_set(), pixels=np.full((6, 1, 32, 32), 0.5, np.float32))
    assert bound_rows("study", CORPUS, image_set(seed=1), flat)[0]["spectrum_of"] == "train"
