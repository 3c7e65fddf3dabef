"""Cutting an image into square patches of codes, row of patches by row of patches.

A patch is kept when enough of its pixels are valid. The few invalid ones inside a kept patch stay
code 0, which normalises to 0 (the low bound): a constant that no neighbour has to be invented for,
and at the default limit of 1 % too rare to teach a model anything. Nothing is filtered by how dark
or bright it is: the predecessor's filter on clipped pixels kept ten times more patches of one
polarisation.

A constant patch is dropped in every split and counted apart: its valid pixels have a standard
deviation below 0.05 dB. Any radar image has speckle (0.5 dB even at 75 looks, 2 dB in a Sentinel-1
GRD), so such a patch was filled by a program; a score on it says nothing, and is near 60 dB.

Legend: n patches, P patch side in pixels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.calibration import CODE_OFFSET_DB, CODE_STEP_DB, INVALID_CODE, Units, encode
from data.errors import DataError
from data.plausibility import Census
from data.raster_facts import RasterFacts, ReadRows

# Four autoencoder stages halve the side each.
PATCH_MULTIPLE_PX = 16
# A patch whose valid pixels spread less than this is no radar image.
MIN_SPREAD_DB = 0.05
_SAMPLE_STEP = 16


@dataclass(frozen=True)
class PatchRow:
    """The patches of one row of patches.

    Attributes:
        codes: (n, P, P) codes of the kept patches.
        row_px: First image row of the patches.
        col_px: (n,) first image column of each kept patch.
        valid_fraction: (n,) share of valid pixels of each kept patch.
        mean_db: (n,) mean of the valid pixels of each kept patch in dB.
        num_seen: Patches in this row, kept or dropped.
        num_constant: Patches dropped because their valid pixels are all but equal.
        num_valid_px: Valid pixels in all of them.
    """

    codes: NDArray[np.uint16]
    row_px: int
    col_px: NDArray[np.int32]
    valid_fraction: NDArray[np.float32]
    mean_db: NDArray[np.float32]
    num_seen: int
    num_constant: int
    num_valid_px: int


def check_patch_px(patch_px: int) -> None:
    """Refuse a patch side that the autoencoders cannot take.

    Raises:
        DataError: When `patch_px` is no positive multiple of 16.
    """
    if patch_px <= 0 or patch_px % PATCH_MULTIPLE_PX:
        nearest = max(PATCH_MULTIPLE_PX, round(patch_px / PATCH_MULTIPLE_PX) * PATCH_MULTIPLE_PX)
        raise DataError(
            f"the patch side must be a positive multiple of {PATCH_MULTIPLE_PX} px, found "
            f"{patch_px}: take {nearest}"
        )


def patch_starts(length_px: int, patch_px: int, stride_px: int) -> NDArray[np.int32]:
    """Give the first pixel of every patch that fits into a length.

    Example:
        >>> patch_starts(600, 256, 256).tolist()
        [0, 256]
    """
    return np.arange(0, length_px - patch_px + 1, stride_px, dtype=np.int32)


def count_patches(facts: RasterFacts, patch_px: int, stride_px: int) -> int:
    """Count the patches that fit into an image, valid or not."""
    rows = patch_starts(facts.height_px, patch_px, stride_px)
    return len(rows) * len(patch_starts(facts.width_px, patch_px, stride_px))


def cut_patches(
    read_rows: ReadRows,
    facts: RasterFacts,
    units: Units,
    *,
    patch_px: int,
    stride_px: int,
    min_valid_fraction: float,
    census: Census | None = None,
) -> Iterator[PatchRow]:
    """Cut an image into patches, from top to bottom.

    Args:
        read_rows: Gives a block of rows.
        facts: Size and full scale of the image.
        units: What the values measure.
        patch_px: Patch side P.
        stride_px: Step between patches; P leaves no overlap.
        min_valid_fraction: Least share of valid pixels of a kept patch.
        census: Counts implausible pixels; they become invalid with or without it.

    Yields:
        The patches of each row of patches.
    """
    columns = patch_starts(facts.width_px, patch_px, stride_px)
    census = census or Census(units, facts.full_scale)
    num_seen_rows = 0
    for row_px in map(int, patch_starts(facts.height_px, patch_px, stride_px)):
        block = read_rows(row_px, row_px + patch_px)
        band = encode(block.values, units, valid=block.valid, full_scale=facts.full_scale)
        census.clean(block, band, max(0, num_seen_rows - row_px))
        num_seen_rows = row_px + patch_px
        yield _keep_patches(band, row_px, columns, min_valid_fraction)


def _keep_patches(
    band: NDArray[np.uint16], row_px: int, columns: NDArray[np.int32], min_valid_fraction: float
) -> PatchRow:
    side = band.shape[0]
    num_valid = np.array(
        [np.count_nonzero(band[:, col : col + side] != INVALID_CODE) for col in columns],
        dtype=np.int64,
    )
    valid_fraction = (num_valid / side**2).astype(np.float32)
    # A patch without any valid pixel is nothing, even where the limit is 0.
    keep = (num_valid >= min_valid_fraction * side**2) & (num_valid > 0)
    constant = np.array(
        [
            kept and is_constant(band[:, col : col + side])
            for col, kept in zip(columns, keep, strict=True)
        ],
        dtype=np.bool_,
    )
    keep &= ~constant
    kept = [band[:, col : col + side] for col in columns[keep]]
    codes = np.ascontiguousarray(np.stack(kept)) if kept else np.empty((0, side, side), np.uint16)
    # Invalid pixels are code 0 and add nothing to the sum.
    mean_code = codes.sum(axis=(1, 2), dtype=np.int64) / num_valid[keep]
    return PatchRow(
        codes=codes,
        row_px=row_px,
        col_px=columns[keep],
        valid_fraction=valid_fraction[keep],
        mean_db=(CODE_OFFSET_DB + CODE_STEP_DB * mean_code).astype(np.float32),
        num_seen=len(columns),
        num_constant=int(np.count_nonzero(constant)),
        num_valid_px=int(num_valid.sum()),
    )


def is_constant(patch: NDArray[np.uint16]) -> bool:
    """Say whether the valid pixels of a patch spread less than `MIN_SPREAD_DB`."""
    least = (MIN_SPREAD_DB / CODE_STEP_DB) ** 2
    # The squares of some rows around their own mean are a lower bound of those of the patch.
    for rows in (patch[::_SAMPLE_STEP], patch):
        valid = rows[rows != INVALID_CODE]
        if valid.size and float(valid.var()) * valid.size >= least * patch.size:
            return False
    return bool(valid.var() < least)
