"""Where images lie on the ground, and what follows for their split.

Only GeoTIFF, SAFE measurements and ENVI files say where they lie. A SAFE GRD has ground control
points instead of a transform: the rectangle around them is larger than the image, so that
neighbours in one pass seem to overlap; they share a pass and never part without a split file.
"""

from collections.abc import Sequence
from pathlib import Path

from data.errors import DataError
from data.leaks import Footprint, PlacedImage, find_overlaps, moment_of_image
from data.scenes import RasterFacts
from data.sources import Source
from data.splits import SplitPlan


def footprint_of(facts: RasterFacts) -> Footprint | None:
    """Return where an image lies; None where its header does not say it, or in which system."""
    if facts.bounds is None or not facts.crs:
        return None
    return Footprint(facts.crs, *facts.bounds)


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
    placed: dict[Path, Footprint | None] = {}
    images = []
    for source, weight in zip(sources, weights, strict=True):
        if not weight or source.path in placed:
            continue  # bands of one file lie at one place and are never in two splits
        footprint = placed[source.path] = footprint_of(source.facts)
        if footprint:
            images.append(
                PlacedImage(
                    name=source.name,
                    split=split.split_of[source.name, source.band],
                    pass_id=source.pass_id,
                    has_orbit=bool(source.product) and source.pass_id != source.scene,
                    date=moment_of_image(source.name, source.product),
                    footprint=footprint,
                    patch_area=footprint.area / source.num_pixels * patch_px**2,
                )
            )
    return images
