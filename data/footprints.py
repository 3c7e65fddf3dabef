"""Where images lie on the ground, and what follows for their split.

Only GeoTIFF, SAFE measurements and ENVI files say where they lie. A SAFE GRD has ground control
points instead of a transform: the rectangle around them is larger than the image, so that
neighbours in one pass seem to overlap; they share a pass and never part without a split file.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import DataError
from data.leaks import Footprint, PlacedImage, date_of_image, find_overlaps
from data.scenes import RASTER_SUFFIXES
from data.sources import Source
from data.splits import SplitPlan


def read_footprint(path: Path) -> Footprint | None:
    """Read where an image lies.

    Args:
        path: A file.

    Returns:
        Its rectangle; None for files that do not say it, or not in which reference system.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    if path.suffix.lower() not in RASTER_SUFFIXES:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                return _find_rectangle(dataset)
    except (RasterioError, OSError):
        # Whoever reads the pixels says what is wrong with the file.
        return None


def _find_rectangle(dataset: Any) -> Footprint | None:
    if dataset.crs and not dataset.transform.is_identity:
        ends = [(x, y) for x in (0, dataset.width) for y in (0, dataset.height)]
        a, b, c, d, e, f = tuple(dataset.transform)[:6]
        crs, points = dataset.crs, [(a * x + b * y + c, d * x + e * y + f) for x, y in ends]
    else:
        control_points, crs = dataset.gcps
        points = [(point.x, point.y) for point in control_points]
    if not crs or not points or not np.isfinite(points).all():
        return None
    (west, south), (east, north) = np.min(points, axis=0), np.max(points, axis=0)
    return Footprint(crs.to_string(), float(west), float(south), float(east), float(north))


def check_ground(
    sources: Sequence[Source],
    weights: Sequence[int],
    split: SplitPlan,
    patch_px: int,
    *,
    is_from_file: bool,
) -> list[str]:
    """Look for the same ground in different splits.

    Args:
        sources: The images.
        weights: Number of patches of each image; those without are left out.
        split: The split of every image.
        patch_px: Patch side; smaller overlaps do not count.
        is_from_file: Whether the user decided the split, who is then told instead of refused.

    Returns:
        Warnings, at most one for pairs of one acquisition and one for pairs of two.

    Raises:
        DataError: When images of one acquisition overlap in different splits of a drawn split.
    """
    same, other = find_overlaps(_place_images(sources, weights, split, patch_px))
    if same.num and not is_from_file:
        raise DataError(
            "overlapping images of one acquisition (by pass or date) belong to one split, and "
            f"these do not: {same.describe()}: leave one of each pair out, or give a --split-file "
            "with both in one split"
        )
    found = []
    if same.num:
        found.append(
            f"images of one acquisition overlap in different splits as the split file says: "
            f"{same.describe(1)}: scores on them are those of pixels that other splits hold too."
        )
    if other.num:
        found.append(
            "images in different splits cover the same ground by their georeference: "
            f"{other.describe(1)}: scores on them are those of known terrain, not of a new one."
        )
    return found


def _place_images(
    sources: Sequence[Source], weights: Sequence[int], split: SplitPlan, patch_px: int
) -> list[PlacedImage]:
    footprint_of: dict[Path, Footprint | None] = {}
    images = []
    for source, weight in zip(sources, weights, strict=True):
        if not weight or source.path in footprint_of:
            continue  # bands of one file lie at one place and are never in two splits
        footprint = footprint_of[source.path] = read_footprint(source.path)
        if footprint:
            images.append(
                PlacedImage(
                    name=source.name,
                    split=split.split_of[source.name, source.band],
                    pass_id=source.pass_id,
                    has_orbit=bool(source.product) and source.pass_id != source.scene,
                    date=date_of_image(source.name, source.product),
                    footprint=footprint,
                    patch_area=footprint.area / source.num_pixels * patch_px**2,
                )
            )
    return images
