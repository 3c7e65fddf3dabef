"""Values that no radar measures: counted, made invalid, and refused when they are many.

| read as | plausible | why |
|---|---|---|
| dB | -60 to +40 dB | noise of Sentinel-1 lies at -22 dB or below (NESZ, product specification), |
| | | of the quietest radars near -40 dB; calibration transponders reach about +40 dB |
| intensity | 1e-6 to 1e10 | -60 dB as above; +100 dB holds the square of a 16-bit digital number |
| amplitude | 1e-3 to 1e5 | -60 dB as above; +100 dB holds every 16-bit digital number |

The same limits count for the stored values of a PNG, whatever its full scale. Zero, negative, NaN
and infinite values of linear units are invalid without being implausible: nothing was measured.

Implausible pixels become invalid. One or two values that repeat (-9999, -32768) are marks of
missing pixels that no tag names, whatever their share. If more than 1 % of the valid pixels have
other implausible values, the image is something else than it is read as, and is refused. So is an
image that is plausible and yet looks like another unit:

- read as dB, no value below -1: linear, or packed (unless a person says dB),
- read as linear, most values between -60 and -1: decibels.

In dB zero is a measurement, but floats are seldom exactly 0: where more than 1 % of a block are,
they fill what is missing, as processors do that know no mask.

Values between -1 and 0 say nothing: subtracting thermal noise leaves them in linear images.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.calibration import (
    CODE_OFFSET_DB,
    CODE_STEP_DB,
    INVALID_CODE,
    NUM_CODES,
    Units,
    count_codes,
    linear_factor,
)
from data.errors import DataError
from data.raster_facts import Block
from data.unit_rules import GIVEN

PLAUSIBLE_DB = {
    Units.DB: (-60.0, 40.0),
    Units.INTENSITY: (-60.0, 100.0),
    Units.AMPLITUDE: (-60.0, 100.0),
}
MAX_IMPLAUSIBLE_FRACTION = 0.01
MAX_MARKS = 2
LOOKS_DB = (-60.0, -1.0)  # where decibels of backscatter are and linear values are not

# Different implausible values that are counted one by one; marks repeat and are never forgotten.
_MAX_COUNTED = 4096


@dataclass
class Census:
    """Counts, block by block, what the pixels of one image look like.

    Attributes:
        units: What the image is read as.
        full_scale: The value that means 0 dB.
        num_valid_px: Valid pixels, the implausible ones among them.
        num_implausible_px: Those outside the plausible range.
    """

    units: Units
    full_scale: float = 1.0
    num_valid_px: int = 0
    num_implausible_px: int = 0
    _values: Counter[float] = field(default_factory=Counter)
    _num_finite: int = 0
    _num_like_db: int = 0
    _histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(NUM_CODES, np.int64))

    def clean(self, block: Block, codes: NDArray[np.uint16], num_seen: int = 0) -> None:
        """Make implausible pixels invalid, and count.

        Args:
            block: The pixels as they were read.
            codes: Their codes; changed in place.
            num_seen: Rows at the top of the block that were counted with an earlier block.
        """
        is_outside, num_invalid = self._find_outside(codes)
        fill = self._find_zero_fill(block)
        if fill is not None:
            is_outside |= fill
        new = slice(num_seen, None)
        if num_seen:
            num_invalid = int(np.count_nonzero(codes[new] == INVALID_CODE))
        num_outside = int(np.count_nonzero(is_outside[new])) - num_invalid
        self.num_valid_px += codes[new].size - num_invalid
        self.num_implausible_px += num_outside
        if num_outside:
            self._count_values(block.values[new][is_outside[new] & (codes[new] != INVALID_CODE)])
        if num_invalid and self.units is not Units.DB:
            self._count_like_db(block, new)
        else:
            self._num_finite += codes[new].size - num_invalid
        if num_outside or num_seen:
            codes[is_outside] = INVALID_CODE
        if self.units is Units.DB:
            self._histogram += count_codes(codes[new])

    def _find_zero_fill(self, block: Block) -> NDArray[np.bool_] | None:
        """Say where zeros fill what is missing from an image in dB; None where they do not."""
        if self.units is not Units.DB or block.values.dtype.kind != "f":
            return None
        is_zero = block.values == 0
        is_fill = np.count_nonzero(is_zero) > MAX_IMPLAUSIBLE_FRACTION * is_zero.size
        return is_zero if is_fill else None

    def _find_outside(self, codes: NDArray[np.uint16]) -> tuple[NDArray[np.bool_], int]:
        """Say which codes lie outside the plausible range, the invalid ones among them."""
        low, high = self._plausible_codes()
        # Codes below the range wrap around to the largest numbers: one comparison for both ends.
        is_outside = np.subtract(codes, np.uint16(low)) > np.uint16(high - low)
        return is_outside, int(np.count_nonzero(codes == INVALID_CODE))

    def _plausible_codes(self) -> tuple[int, int]:
        shift_db = 0.0
        if self.units is not Units.DB:
            shift_db = linear_factor(self.units) * float(np.log10(self.full_scale))
        low, high = (
            round((limit_db - shift_db - CODE_OFFSET_DB) / CODE_STEP_DB)
            for limit_db in PLAUSIBLE_DB[self.units]
        )
        return max(low, INVALID_CODE + 1), min(high, NUM_CODES - 1)

    def _count_values(self, values: NDArray[Any]) -> None:
        different, counts = np.unique(values, return_counts=True)
        self._values.update(dict(zip(different.tolist(), counts.tolist(), strict=True)))
        if len(self._values) > _MAX_COUNTED:
            self._values = Counter(dict(self._values.most_common(_MAX_COUNTED // 2)))

    def _count_like_db(self, block: Block, new: slice) -> None:
        if block.values.dtype.kind == "u":
            return
        values = block.values[new]
        is_given = np.isfinite(values) & (values != 0)
        is_like_db = (values >= LOOKS_DB[0]) & (values <= LOOKS_DB[1])
        if block.valid is not None:
            is_given &= block.valid[new]
            is_like_db &= block.valid[new]
        self._num_finite += int(np.count_nonzero(is_given))
        self._num_like_db += int(np.count_nonzero(is_like_db))

    def check(self, name: str, units_reason: str) -> None:
        """Refuse the image if its values show that it is something else.

        Args:
            name: The image's name, for the sentence.
            units_reason: Where the units were taken from; "--units" is a person's word.

        Raises:
            DataError: Too many values are implausible, or they look like another unit.
        """
        self._refuse_implausible(name, units_reason)
        if self.units is not Units.DB and 2 * self._num_like_db > self._num_finite:
            share = self._num_like_db / self._num_finite
            raise DataError(
                f"linear values are positive, and {share:.0%} of the pixels of {name}, read as "
                f"{self.units} ({units_reason}), lie between {LOOKS_DB[0]:g} and {LOOKS_DB[1]:g}: "
                "it looks like decibels, give --units db"
            )
        if self.units is Units.DB and units_reason not in GIVEN:
            self._refuse_linear(name, units_reason)

    def _refuse_implausible(self, name: str, units_reason: str) -> None:
        marks = [
            (value, count) for value, count in self._values.most_common(MAX_MARKS) if count > 1
        ]
        num_others = self.num_implausible_px - sum(count for _, count in marks)
        if num_others <= MAX_IMPLAUSIBLE_FRACTION * self.num_valid_px:
            return
        low_db, high_db = PLAUSIBLE_DB[self.units]
        if self.units is Units.DB:
            rule = f"decibels of backscatter lie between {low_db:g} and {high_db:g}"
        else:
            factor = linear_factor(self.units)
            low, high = 10 ** (low_db / factor), 10 ** (high_db / factor)
            rule = f"values of {self.units} lie between {low:g} and {high:g}"
        example = sorted(self._values.elements())[sum(self._values.values()) // 2]
        raise DataError(
            f"{rule}, and {num_others / self.num_valid_px:.1%} of the pixels of {name}, read as "
            f"{self.units} ({units_reason}), do not (for example {example:g}): "
            f"{self._advise(example)}"
        )

    def _advise(self, example: float) -> str:
        """Say what the values look like, and what to do."""
        low, high = PLAUSIBLE_DB[Units.DB]
        if self.units is not Units.DB:
            return "it looks like no backscatter, leave it out, or correct its scale"
        if example > high:
            return "it looks like linear values, give --units intensity or amplitude"
        for factor in (10, 100, 1000):
            if low <= example / factor <= high:
                return (
                    f"it looks like decibels times {factor} without a scale in the header, set "
                    f"the scale {1 / factor:g} there or divide the values"
                )
        return "it looks like no backscatter, leave it out, or name its nodata value in the header"

    def _refuse_linear(self, name: str, units_reason: str) -> None:
        total = int(self._histogram[1:].sum())
        first = round((LOOKS_DB[1] - CODE_OFFSET_DB) / CODE_STEP_DB)
        if not total or self._histogram[1:first].any():
            return
        code = 1 + int(np.searchsorted(np.cumsum(self._histogram[1:]), (total + 1) // 2))
        median = CODE_OFFSET_DB + CODE_STEP_DB * code
        raise DataError(
            f"decibels of backscatter are mostly negative, and {name}, read as db "
            f"({units_reason}), has no value below {LOOKS_DB[1]:g} and the median {median:.2f}: it "
            "looks like linear or packed values, give --units intensity or the scale, or "
            "--units db if it is in decibels"
        )
