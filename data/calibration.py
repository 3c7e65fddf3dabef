"""Pixel values to decibels, decibels to 16-bit codes, and the clip bounds of a histogram of codes.

A stored pixel is a uint16 code: 0 is invalid, any other code means

    value_db = CODE_OFFSET_DB + CODE_STEP_DB * code        (-149.995 dB ... 177.675 dB)

The range holds float intensities from 1e-15 to 5e17 and every 16-bit amplitude; the step of
0.005 dB is 400 times finer than the speckle of a Sentinel-1 GRD pixel (about 2 dB), so the rounding
error (at most half a step) is never seen in a score. What lies outside saturates at the end codes.

Which values no radar measures is in `plausibility`, reading files in `scenes`, deciding which units
a file has in `sources`.
"""

from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataError

CODE_OFFSET_DB = -150.0
CODE_STEP_DB = 0.005
INVALID_CODE = 0
MAX_CODE = 65535
NUM_CODES = MAX_CODE + 1

# Bounds are these percentiles of the valid training pixels.
LOW_PERCENTILE = 1.0
HIGH_PERCENTILE = 99.0


class Units(StrEnum):
    """What a pixel value measures; decides the factor before the logarithm."""

    AMPLITUDE = "amplitude"  # 20 log10(v): digital numbers of a GRD product
    INTENSITY = "intensity"  # 10 log10(v): amplitude squared, or calibrated backscatter
    DB = "db"  # already a logarithm


def find_valid(
    values: NDArray[Any], units: Units, valid: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Say which pixels carry a measurement.

    Invalid are NaN, infinity and what the file marks as missing; in linear units also zero and
    below, because no logarithm exists there. In dB a zero is a measurement.

    Args:
        values: Pixel values after scale and offset.
        units: What they measure.
        valid: Where the file does not mark a pixel as missing; None when it marks none.

    Returns:
        A mask of the shape of `values`, true where the pixel is valid.
    """
    found = np.isfinite(values) if units is Units.DB else (values > 0) & np.isfinite(values)
    if valid is not None:
        found &= valid
    return np.asarray(found, dtype=np.bool_)


def encode(
    values: NDArray[Any],
    units: Units,
    *,
    valid: NDArray[np.bool_] | None = None,
    full_scale: float = 1.0,
) -> NDArray[np.uint16]:
    """Turn pixel values into codes; invalid pixels are masked before the logarithm.

    Args:
        values: Pixel values after scale and offset.
        units: What they measure.
        valid: Where the file does not mark a pixel as missing; None when it marks none.
        full_scale: The value that means 0 dB; 255 or 65535 for a PNG, else 1.

    Returns:
        Codes of the shape of `values`; 0 where the pixel is invalid.

    Example:
        >>> encode(np.array([0.0, 1.0, 10.0]), Units.INTENSITY).tolist()
        [0, 30000, 32000]
    """
    found = find_valid(values, units, valid)
    # Values beyond float32 become 0 or infinity, whose codes are the lowest and the highest.
    with np.errstate(over="ignore", divide="ignore"):
        # The stand-in for an invalid pixel only keeps the logarithm quiet; its code is 0 below.
        safe = np.where(found, values, 1).astype(np.float32)
        if units is Units.DB:
            value_db = safe
        else:
            value_db = linear_factor(units) * np.log10(safe / np.float32(full_scale))
        codes = db_to_codes(value_db)
    codes[~found] = INVALID_CODE
    return codes


def linear_factor(units: Units) -> float:
    """Give the factor before the logarithm of linear values: 20 for amplitude, 10 for intensity."""
    return 20.0 if units is Units.AMPLITUDE else 10.0


def db_to_codes(value_db: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Round decibels to the nearest code; NaN becomes the invalid code.

    Args:
        value_db: Decibels, any shape.

    Returns:
        Codes; beyond the code range they saturate at 1 and 65535.
    """
    codes = np.clip(np.rint((value_db - CODE_OFFSET_DB) / CODE_STEP_DB), 1, MAX_CODE)
    return np.where(np.isnan(codes), INVALID_CODE, codes).astype(np.uint16)


def codes_to_db(codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Invert `db_to_codes`, exact to half a step.

    Args:
        codes: Codes, any shape.

    Returns:
        Decibels; NaN where the code is invalid.
    """
    value_db = (CODE_OFFSET_DB + CODE_STEP_DB * codes.astype(np.float64)).astype(np.float32)
    return np.where(codes == INVALID_CODE, np.float32(np.nan), value_db)


def count_codes(codes: NDArray[np.uint16]) -> NDArray[np.int64]:
    """Count how often each of the 65536 codes occurs."""
    return np.bincount(codes.ravel(), minlength=NUM_CODES)


def fit_bounds_db(histogram: NDArray[np.int64]) -> tuple[float, float]:
    """Find the 1st and 99th percentile of the valid pixels of a code histogram.

    A percentile is the smallest code with at least that share of the valid pixels at or below it,
    so it is exact for the stored values, however many there are.

    Args:
        histogram: Counts by code, as `count_codes` gives them; the invalid code is left out.

    Returns:
        The low and the high bound in dB, low < high.

    Raises:
        DataError: When fewer than two different values are valid, so that no range exists.
    """
    counts = histogram.copy()
    counts[INVALID_CODE] = 0
    cumulative = np.cumsum(counts)
    total = int(cumulative[-1])
    low, high = (
        int(np.searchsorted(cumulative, np.ceil(total * percentile / 100.0)))
        for percentile in (LOW_PERCENTILE, HIGH_PERCENTILE)
    )
    if total == 0 or low >= high:
        raise DataError(
            "clip bounds need training pixels of different values, and these have "
            f"{np.count_nonzero(counts)} different value(s) between the 1st and 99th percentile: "
            "check the scenes and --units"
        )
    # Rounding takes off the last bits of the sum, so that files show -17.5 and not -17.49999.
    return (
        round(CODE_OFFSET_DB + CODE_STEP_DB * low, 6),
        round(CODE_OFFSET_DB + CODE_STEP_DB * high, 6),
    )
