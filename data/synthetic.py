"""Synthetic scenes: speckle of known statistics over a made-up landscape; nothing was measured.

A scene is a mean backscatter (fields, forest, water, roads, settlements, point targets) times
multiplicative speckle. Fully developed speckle of L looks makes the intensity of a homogeneous area
Gamma distributed with mean m and variance m²/L, so that ENL = mean²/variance = L, and its dB value
has the standard deviation (10/ln 10) * sqrt(psi1(L)): 2.2 dB at the 4.4 looks of IW GRDH products.

Products are resampled, which correlates neighbours. `draw_speckle` imitates that with the separable
filter (a, 1 - 2a, a): it draws L0 = L * (Σk²)² looks and filters them, which leaves the mean at 1
and the ENL at exactly L. At a = 0.1788 and L = 4.4, L0 is 1 (single look, exponential) and
neighbours correlate by 0.48. Filtered speckle is a weighted sum of Gammas: its mean and ENL are
exact, its shape is Gamma only nearly.

The scenes go through the same `builder` as real ones. `ensure_synthetic_corpus` is what commands
call when no corpus is given.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from data.builder import build_corpus
from data.dataset import Corpus
from data.errors import DataError
from data.info import CorpusInfo
from data.plan import Advance, PrepareOptions, hash_sources, ignore_progress, plan_corpus

DEFAULT_FOLDER = Path("corpus") / "synthetic"
# Raise it when the same recipe would draw other pixels.
GENERATOR_VERSION = 1

WATER_DB, FOREST_DB, ROAD_DB, SETTLEMENT_DB = -24.0, -13.5, -20.0, -9.0
FIELD_DB = (-20.0, -12.0)
POINT_TARGET_DB = (6.0, 18.0)


@dataclass(frozen=True)
class Recipe:
    """What decides the synthetic scenes.

    Attributes:
        num_passes: Scenes, each its own pass; three or more give train, val and test.
        height_px: Rows of a scene.
        width_px: Columns of a scene.
        looks: Equivalent number of looks of the speckle.
        filter_tap: Outer tap a of the correlating filter, 0 to 0.25; 0 leaves pixels independent.
        seed: Decides landscape and speckle.
        version: Of the generator.
    """

    num_passes: int = 8
    height_px: int = 1536
    width_px: int = 2048
    looks: float = 4.4
    filter_tap: float = 0.1788
    seed: int = 0
    version: int = GENERATOR_VERSION

    @property
    def num_pixels(self) -> int:
        """Pixels of all scenes."""
        return self.num_passes * self.height_px * self.width_px


def draw_speckle(
    shape: tuple[int, int], looks: float, filter_tap: float, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draw multiplicative speckle of mean 1 and a known ENL.

    Args:
        shape: Rows and columns.
        looks: ENL of the result.
        filter_tap: Outer tap of the correlating filter; 0 gives independent Gamma pixels.
        generator: Source of randomness.

    Returns:
        Factors for an intensity image.
    """
    energy = (1 - 2 * filter_tap) ** 2 + 2 * filter_tap**2
    drawn_looks = looks * energy**2
    margin = 1 if filter_tap else 0
    size = (shape[0] + 2 * margin, shape[1] + 2 * margin)
    speckle: NDArray[np.float32] = generator.standard_gamma(drawn_looks, size, dtype=np.float32)
    speckle *= np.float32(1 / drawn_looks)
    if filter_tap:
        speckle = _smooth(_smooth(speckle, filter_tap).T, filter_tap).T
    return speckle


def _smooth(image: NDArray[np.float32], tap: float) -> NDArray[np.float32]:
    """Filter along the first axis, dropping its first and last row."""
    middle: NDArray[np.float32] = image[:-2] + image[2:]
    middle *= np.float32(tap)
    middle += np.float32(1 - 2 * tap) * image[1:-1]
    return middle


def draw_scene(recipe: Recipe, number: int) -> NDArray[np.float32]:
    """Draw one scene.

    Args:
        recipe: Sizes, looks and seed.
        number: Which scene of the recipe.

    Returns:
        (height, width) linear intensity, all valid.
    """
    generator = np.random.default_rng([recipe.seed, number])
    shape = (recipe.height_px, recipe.width_px)
    intensity: NDArray[np.float32] = np.exp(
        _draw_landscape_db(shape, generator) * np.float32(np.log(10) / 10)
    )
    _add_point_targets(intensity, generator)
    intensity *= draw_speckle(shape, recipe.looks, recipe.filter_tap, generator)
    return intensity


def _draw_landscape_db(
    shape: tuple[int, int], generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draw mean backscatter in dB: fields with sharp edges, textured forest, settlements, water."""
    landscape = _draw_fields_db(shape, generator)
    relief = _draw_relief(shape, 96, generator)
    texture = _draw_relief(shape, 8, generator)
    is_forest = relief > 0.7
    landscape[is_forest] = FOREST_DB + texture[is_forest]
    is_settled = _draw_relief(shape, 96, generator) > 1.3
    landscape[is_settled] = SETTLEMENT_DB + 2 * _draw_relief(shape, 4, generator)[is_settled]
    landscape[relief < -1.2] = WATER_DB
    _add_roads(landscape, generator)
    return landscape


def _draw_fields_db(shape: tuple[int, int], generator: np.random.Generator) -> NDArray[np.float32]:
    """Draw a turned grid of fields, each of its own backscatter."""
    turn = generator.uniform(0, np.pi)
    length_px, width_px = generator.uniform(40, 120, 2)
    row = np.arange(shape[0], dtype=np.float32)[:, None]
    column = np.arange(shape[1], dtype=np.float32)[None, :]
    along = (row * np.cos(turn) + column * np.sin(turn)) / length_px
    across = (column * np.cos(turn) - row * np.sin(turn)) / width_px
    levels_db = generator.uniform(*FIELD_DB, (128, 128)).astype(np.float32)
    # Indices wrap around: a field's twin is 128 fields away, beyond any patch.
    fields: NDArray[np.float32] = levels_db[
        np.floor(along).astype(np.int16) & 127, np.floor(across).astype(np.int16) & 127
    ]
    return fields


def _draw_relief(
    shape: tuple[int, int], scale_px: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Draw smooth noise of mean 0 and about unit variance that varies over `scale_px`."""
    knots = [length // scale_px + 2 for length in shape]
    noise = generator.standard_normal(knots, dtype=np.float32) * np.float32(1.5)
    for axis, length in enumerate(shape):
        place = np.arange(length, dtype=np.float32) / scale_px
        left = place.astype(np.int64)
        weight = (place - left).reshape((-1, 1) if axis == 0 else (1, -1))
        noise = noise.take(left, axis) * (1 - weight) + noise.take(left + 1, axis) * weight
    return noise


def _add_roads(landscape: NDArray[np.float32], generator: np.random.Generator) -> None:
    """Draw dark straight roads of 3 px from the left to the right border."""
    height, width = landscape.shape
    columns = np.arange(width)
    for start, slope in zip(
        generator.uniform(0, height, 12), generator.uniform(-0.8, 0.8, 12), strict=True
    ):
        rows = (start + slope * columns).astype(np.int64)
        for offset in range(3):
            inside = (rows + offset >= 0) & (rows + offset < height)
            landscape[rows[inside] + offset, columns[inside]] = ROAD_DB


def _add_point_targets(intensity: NDArray[np.float32], generator: np.random.Generator) -> None:
    """Add bright points with the side lobes of an impulse response, about one per 64² pixels."""
    count = intensity.size // 64**2
    offsets = np.arange(-3, 4)
    response = np.sinc(offsets / 1.3)[:, None] ** 2 * np.sinc(offsets / 1.3)[None, :] ** 2
    rows = generator.integers(3, intensity.shape[0] - 3, count)
    columns = generator.integers(3, intensity.shape[1] - 3, count)
    peaks = 10 ** (generator.uniform(*POINT_TARGET_DB, count) / 10)
    for row, column, peak in zip(rows, columns, peaks, strict=True):
        intensity[row - 3 : row + 4, column - 3 : column + 4] += peak * response


def ensure_synthetic_corpus(path: Path | None = None) -> Path:
    """Give the default synthetic corpus, making it on first use.

    Args:
        path: Its folder; `corpus/synthetic` below the working directory when None.

    Returns:
        The folder.

    Raises:
        DataError: When the folder holds something else or cannot be written.
    """
    path = path or DEFAULT_FOLDER
    if not path.exists():
        try:
            build_synthetic_corpus(path, Recipe(), PrepareOptions())
        except DataError:
            # Another process may have been quicker; its corpus is the same to the byte.
            if not path.exists():
                raise
    if not Corpus.open(path).info.is_synthetic:
        raise DataError(
            f"the default corpus is a synthetic one, and {path} holds measured scenes: name it "
            "with --data or move it"
        )
    return path


def build_synthetic_corpus(
    path: Path,
    recipe: Recipe,
    options: PrepareOptions,
    *,
    name: str = "synthetic",
    advance: Advance = ignore_progress,
) -> CorpusInfo:
    """Draw scenes and make a corpus of them.

    Args:
        path: The corpus folder to make.
        recipe: How the scenes are drawn.
        options: How they are cut.
        name: What people call the corpus.
        advance: Called with the pixels of each scene drawn, and again when it is cut.

    Returns:
        What `corpus.json` says.

    Raises:
        DataError: When the folder cannot be made or the recipe yields too few patches.
    """
    with TemporaryDirectory(prefix="sar-tune-scenes-") as folder:
        scenes = Path(folder) / "synthetic"
        scenes.mkdir()
        for number in range(recipe.num_passes):
            # The name tells the units, as that of any other scene may.
            np.save(scenes / f"scene{number:02d}_vh_intensity.npy", draw_scene(recipe, number))
            advance(recipe.height_px * recipe.width_px)
        plan = plan_corpus([scenes], options, name=name, synthetic=asdict(recipe))
        return build_corpus(plan, hash_sources(plan), path, advance)
