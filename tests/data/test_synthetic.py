"""Synthetic speckle has the statistics of theory, and the corpus says that it is synthetic."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import polygamma

from data.dataset import Corpus
from data.errors import DataError
from data.plan import PrepareOptions
from data.synthetic import (
    Recipe,
    build_synthetic_corpus,
    draw_scene,
    draw_speckle,
    ensure_synthetic_corpus,
)

SMALL = Recipe(num_passes=4, height_px=64, width_px=96)
SHAPE = (1000, 1000)
TAP = Recipe().filter_tap


def speckle(looks: float, tap: float) -> np.ndarray:
    return draw_speckle(SHAPE, looks, tap, np.random.default_rng(0)).astype(np.float64)


@pytest.mark.parametrize("tap", [0.0, TAP, 0.25])
@pytest.mark.parametrize("looks", [1.0, 4.4, 18.0])
def test_speckle_has_mean_one_and_the_asked_number_of_looks(looks, tap):
    factors = speckle(looks, tap)
    assert factors.shape == SHAPE
    assert factors.mean() == pytest.approx(1.0, abs=0.01)
    assert factors.mean() ** 2 / factors.var() == pytest.approx(looks, rel=0.03)


@pytest.mark.parametrize("looks", [1.0, 4.4, 18.0])
def test_independent_speckle_has_the_log_standard_deviation_of_theory(looks):
    std_db = (10 * np.log10(speckle(looks, 0.0))).std()
    assert std_db == pytest.approx(10 / np.log(10) * np.sqrt(polygamma(1, looks)), rel=0.01)


@pytest.mark.parametrize(("tap", "expected"), [(0.0, 0.0), (TAP, 0.482), (0.25, 2 / 3)])
def test_neighbours_correlate_as_the_filter_says(tap, expected):
    factors = speckle(4.4, tap)
    for one, other in ((factors[1:], factors[:-1]), (factors[:, 1:], factors[:, :-1])):
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] == pytest.approx(expected, abs=0.01)


def test_a_scene_is_positive_and_shows_more_than_speckle():
    scene = draw_scene(Recipe(height_px=512, width_px=512), 0)
    assert scene.dtype == np.float32
    assert (scene > 0).all()
    assert (10 * np.log10(scene)).std() > 3.0


def test_scenes_repeat_and_differ_from_each_other():
    np.testing.assert_array_equal(draw_scene(SMALL, 1), draw_scene(SMALL, 1))
    assert not np.array_equal(draw_scene(SMALL, 1), draw_scene(SMALL, 2))
    assert not np.array_equal(draw_scene(SMALL, 1), draw_scene(replace(SMALL, seed=1), 1))


def test_the_corpus_is_labelled_synthetic_and_split_by_pass(tmp_path):
    info = build_synthetic_corpus(tmp_path / "c", SMALL, PrepareOptions(patch_px=32))
    assert info.is_synthetic
    assert info.num_patches == {"train": 12, "val": 6, "test": 6}
    assert info.options["synthetic"]["looks"] == 4.4


def test_the_default_corpus_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "data.synthetic.Recipe", lambda: replace(SMALL, height_px=256, width_px=256)
    )
    monkeypatch.chdir(tmp_path)
    path = ensure_synthetic_corpus()
    made_ns = (path / "corpus.json").stat().st_mtime_ns
    assert ensure_synthetic_corpus() == path
    assert (path / "corpus.json").stat().st_mtime_ns == made_ns
    assert Corpus.open(tmp_path / "corpus" / "synthetic").info.is_synthetic


def test_measured_scenes_are_never_taken_for_synthetic_ones(small_corpus):
    with pytest.raises(DataError, match="holds measured scenes"):
        ensure_synthetic_corpus(small_corpus.path)
