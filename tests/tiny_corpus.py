"""The corpus of the tests that train: four small passes, so that a training takes a second."""

from pathlib import Path

from data.calibration import Units
from data.plan import PrepareOptions
from data.synthetic import Recipe, build_synthetic_corpus


def build_tiny_corpus(path: Path, seed: int = 0) -> Path:
    """Make a corpus of 64 px patches from four small passes; return its folder."""
    recipe = Recipe(num_passes=4, height_px=256, width_px=256, seed=seed)
    options = PrepareOptions(patch_px=64, units=Units.INTENSITY)
    build_synthetic_corpus(path, recipe, options, name="tiny")
    return path
