"""The same pixels in two splits: identical patches, and footprints of one acquisition that overlap.

Files that lie beside each other are often pieces of one acquisition: tiles, bursts, copies under
another name. Where such pieces part, a model is validated on what it was trained on. Two
acquisitions of one place at different dates are the same terrain under other speckle, which is
worth a warning and no more.

Pure: reading where a file lies is in `footprints`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError
from data.patches import is_constant

# Pieces of one pass over a place lie seconds apart, neighbouring orbits 99 minutes.
MAX_SECONDS_APART = 1800
NUM_NAMED = 3
DATE_UNKNOWN, TIME_UNKNOWN = 0, -1

_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])"
    r"(?:T?([01]\d|2[0-3]):?([0-5]\d):?([0-5]\d))?(?!\d)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Footprint:
    """The rectangle around an image in the coordinates of its reference system.

    Attributes:
        crs: The reference system, as text; only footprints of one system are compared.
        west: Least first coordinate.
        south: Least second coordinate.
        east: Greatest first coordinate.
        north: Greatest second coordinate.
    """

    crs: str
    west: float
    south: float
    east: float
    north: float

    @property
    def area(self) -> float:
        """Area in squared units of the reference system."""
        return (self.east - self.west) * (self.north - self.south)


@dataclass(frozen=True)
class PlacedImage:
    """What decides whether an image shares ground with another.

    Attributes:
        name: What messages call it.
        split: "train", "val" or "test".
        pass_id: Equal for images of one acquisition.
        has_orbit: Whether the pass is known from an orbit, so that another one is another
            acquisition; else dates decide.
        date: Of acquisition, as `read_moment` gives it.
        footprint: Where it lies.
        patch_area: Area of one patch in squared units of the reference system.
    """

    name: str
    split: str
    pass_id: str
    has_orbit: bool
    date: tuple[int, int]
    footprint: Footprint
    patch_area: float


@dataclass
class Pairs:
    """Pairs of images: how many, and the first few of them.

    Attributes:
        num: Pairs found.
        named: The first `NUM_NAMED` of them.
    """

    num: int = 0
    named: list[tuple[PlacedImage, PlacedImage]] = field(default_factory=list)

    def add(
        self, image: PlacedImage, others: Sequence[PlacedImage], chosen: NDArray[np.bool_]
    ) -> None:
        """Add the pairs of an image with the chosen ones of others."""
        numbers = np.flatnonzero(chosen).tolist()
        self.num += len(numbers)
        room = NUM_NAMED - len(self.named)
        self.named += [(image, others[number]) for number in numbers[:room]]

    def describe(self, num_named: int = NUM_NAMED) -> str:
        """Name the first pairs, with the split of each image, and count the others."""
        named = self.named[:num_named]
        pairs = [f"{a.name} ({a.split}) and {b.name} ({b.split})" for a, b in named]
        more = [f"{self.num - len(pairs)} more pair(s)"] if self.num > len(pairs) else []
        return ", ".join([*pairs, *more])


def read_moment(texts: Sequence[str]) -> tuple[int, int]:
    """Find the time of acquisition in the first text that holds a date.

    Args:
        texts: Names of product, file and folders, the surest first.

    Returns:
        The date as the number YYYYMMDD and the second of the day; 0 and -1 where unknown.

    Example:
        >>> read_moment(["tile_7.tif", "S1A_IW_20180120T161201_DVP"]), read_moment(["2018-01-20"])
        ((20180120, 58321), (20180120, -1))
    """
    match = next((found for text in texts if (found := _DATE.search(text))), None)
    if match is None:
        return DATE_UNKNOWN, TIME_UNKNOWN
    year, month, day, *clock = match.groups()
    date = int(year + month + day)
    if clock[0] is None:
        return date, TIME_UNKNOWN
    hour, minute, second = map(int, clock)
    return date, 3600 * hour + 60 * minute + second


def moment_of_image(name: str, product: str) -> tuple[int, int]:
    """Find the time of acquisition of an image: in its product, its file name or its folders."""
    return read_moment([product, *reversed(PurePosixPath(name).parts)])


def find_overlaps(images: Sequence[PlacedImage]) -> tuple[Pairs, Pairs]:
    """Find images of different splits whose footprints overlap by more than one patch.

    Args:
        images: The images.

    Returns:
        Pairs of one acquisition, and pairs of two.
    """
    same, other = Pairs(), Pairs()
    for crs in sorted({image.footprint.crs for image in images}):
        _compare([image for image in images if image.footprint.crs == crs], same, other)
    return same, other


def _compare(images: Sequence[PlacedImage], same: Pairs, other: Pairs) -> None:
    """Compare each image with all later ones at once: thousands of tiles are millions of pairs."""
    rectangles = [image.footprint for image in images]
    west, east = (np.array([getattr(r, s) for r in rectangles]) for s in ("west", "east"))
    south, north = (np.array([getattr(r, s) for r in rectangles]) for s in ("south", "north"))
    patch_area = np.array([image.patch_area for image in images])
    split, pass_id = (
        np.unique([getattr(image, key) for image in images], return_inverse=True)[1]
        for key in ("split", "pass_id")
    )
    date, second = np.array([image.date for image in images]).T
    has_orbit = np.array([image.has_orbit for image in images])
    for i, image in enumerate(images):
        later = slice(i + 1, None)
        width = np.minimum(east[i], east[later]) - np.maximum(west[i], west[later])
        height = np.minimum(north[i], north[later]) - np.maximum(south[i], south[later])
        # A hair more than one patch, so that rounding of coordinates makes none.
        least = 1.001 * np.minimum(patch_area[i], patch_area[later])
        overlaps = (width > 0) & (height > 0) & (width * height > least)
        overlaps &= split[i] != split[later]
        is_near = (np.minimum(second[i], second[later]) == TIME_UNKNOWN) | (
            np.abs(second[i] - second[later]) <= MAX_SECONDS_APART
        )
        is_one = (date[i] != DATE_UNKNOWN) & (date[i] == date[later]) & is_near
        is_one = (pass_id[i] == pass_id[later]) | (is_one & ~(has_orbit[i] & has_orbit[later]))
        same.add(image, images[later], overlaps & is_one)
        other.add(image, images[later], overlaps & ~is_one)


class TwinPatches:
    """Finds patches of the same codes in two images of different splits, image by image."""

    def __init__(self) -> None:
        self._images_of: dict[int, tuple[int, ...]] = {}
        self._images: list[tuple[str, str]] = []
        self._num_shared: Counter[tuple[int, int]] = Counter()

    def add(self, name: str, split: str, codes: NDArray[np.uint16]) -> None:
        """Remember the patches of an image.

        Args:
            name: The image; several calls in a row may bring its patches in parts.
            split: Its split.
            codes: (n, P, P) codes of kept patches.
        """
        if not self._images or self._images[-1] != (name, split):
            self._images.append((name, split))
        image = len(self._images) - 1
        for patch in codes:
            key = hash(patch.tobytes())  # 64 bits; a digest takes three times as long
            holders = self._images_of.setdefault(key, (image,))
            # Constant patches are equal without being copies; looked at only when they repeat.
            if holders[-1] == image or is_constant(patch):
                continue
            self._images_of[key] = (*holders, image)
            self._num_shared.update((h, image) for h in holders if self._images[h][1] != split)

    def refuse(self) -> None:
        """Refuse images that share patches across splits.

        Raises:
            DataError: Naming the pairs of images and how many patches they share.
        """
        if not self._num_shared:
            return
        called = [f"{name} ({split})" for name, split in self._images]
        pairs = [
            f"{called[one]} and {called[other]} share {num}"
            for (one, other), num in self._num_shared.most_common(NUM_NAMED)
        ]
        more = len(self._num_shared) - len(pairs)
        raise DataError(
            "no patch is in two splits, and there are identical ones: "
            f"{', '.join(pairs)}{f', and {more} more pair(s) some' if more else ''}: leave one "
            "image of each pair out, or give a --split-file with both in one split"
        )
