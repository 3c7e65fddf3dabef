"""Small scenes and a small corpus that the tests of the data layer share."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray

from data.builder import build_corpus
from data.dataset import Corpus
from data.plan import PrepareOptions, hash_sources, plan_corpus

PATCH_PX = 32


def draw_intensity(seed: int, shape: tuple[int, int] = (96, 100)) -> NDArray[np.float32]:
    return np.random.default_rng(seed).gamma(4.4, 0.1, shape).astype(np.float32)


@pytest.fixture
def make_scenes(tmp_path: Path) -> Callable[..., Path]:
    """Writes `num_passes` intensity scenes of 3 x 3 patches of 32 px into a folder."""

    def make(num_passes: int = 5, folder: str = "scenes") -> Path:
        root = tmp_path / folder
        root.mkdir(parents=True)
        for number in range(num_passes):
            np.save(root / f"s{number}_vv_intensity.npy", draw_intensity(number))
        return root

    return make


def build(scenes: Path, out: Path, split_file: Path | None = None, **options) -> Corpus:
    """Plan and build in one step, patches of 32 px unless told otherwise."""
    chosen = PrepareOptions(**{"patch_px": PATCH_PX, **options})
    plan = plan_corpus([scenes], chosen, name=out.name, split_file=split_file)
    build_corpus(plan, hash_sources(plan), out, lambda amount: None)
    return Corpus.open(out)


@pytest.fixture
def build_small() -> Callable[..., Corpus]:
    return build


@pytest.fixture(scope="session")
def small_corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Five passes of nine patches of 32 px; read it only."""
    root = tmp_path_factory.mktemp("small")
    scenes = root / "scenes"
    scenes.mkdir()
    for number in range(5):
        np.save(scenes / f"s{number}_vv_intensity.npy", draw_intensity(number))
    return build(scenes, root / "corpus")


def write_tiff(
    path: Path,
    bands: list[NDArray],
    *,
    names: tuple[str, ...] = (),
    tags: dict[str, str] | None = None,
    **profile,
) -> Path:
    """Write a GeoTIFF; `transform=None` leaves the georeferencing out."""
    height, width = bands[0].shape
    profile = {"transform": Affine(10, 0, 0, 0, -10, 0), **profile}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=height,
        width=width,
        count=len(bands),
        dtype=bands[0].dtype,
        **profile,
    ) as dataset:
        dataset.update_tags(**(tags or {}))
        for number, band in enumerate(bands, start=1):
            dataset.write(band, number)
        for number, name in enumerate(names, start=1):
            dataset.set_band_description(number, name)
    return path


@pytest.fixture(name="write_tiff")
def _write_tiff() -> Callable[..., Path]:
    return write_tiff
