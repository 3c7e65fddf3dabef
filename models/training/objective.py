"""What a training is judged by: one of three validation scores of an epoch. Needs no torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.training.epoch_result import EpochResult

MIN_MS_SSIM_PX = 161
"""Least side of an image that has an MS-SSIM: models.metrics.ms_ssim.MIN_SIDE_PX, which loads
torch; a test holds the two equal."""


@dataclass(frozen=True)
class Objective:
    """One score that can be maximised, and how it is written.

    Attributes:
        name: As in flags and columns: "psnr", "ssim" or "ms_ssim".
        words: As in sentences: "PSNR", "SSIM" or "MS-SSIM".
        column: Its field of an EpochResult, and its column of the epochs table.
        unit: "dB", or "" for a pure number.
        decimals: Digits after the point that tell two trainings apart.
        margin: Least distance between scores and the edge of a figure.
        near: What two good trainings differ by: closer scores are as good as equal.
    """

    name: str
    words: str
    column: str
    unit: str
    decimals: int
    margin: float
    near: float

    @property
    def best_column(self) -> str:
        """Its column of the trials and runs tables: the score at the best epoch."""
        return f"best_{self.column}"

    @property
    def plain_column(self) -> str:
        """Its column of the references table, as far as that has it: "psnr_db", "ssim"."""
        return self.column.removeprefix("val_")

    @property
    def label(self) -> str:
        """What stands above a column of it, with the unit, such as "val PSNR dB"."""
        return f"val {self.words} {self.unit}".rstrip()

    @property
    def bracket(self) -> str:
        """What stands behind a title of an axis: " [dB]", or nothing."""
        return f" [{self.unit}]" if self.unit else ""

    @property
    def title(self) -> str:
        """What stands at an axis of validation scores, such as "validation PSNR [dB]"."""
        return f"validation {self.words}{self.bracket}"

    @property
    def hover(self) -> str:
        """The score of a mark in a figure, as Plotly's templates have it."""
        return f"%{{y:.{self.decimals}f}}{self._suffix}"

    def of(self, result: "EpochResult") -> float:
        """Return the score of an epoch; larger is better.

        Raises:
            ValueError: If the epoch was not scored by it: MS-SSIM is taken only where it is asked.
        """
        score = getattr(result, self.column)
        if score is None:
            raise ValueError(f"an epoch needs a {self.column}, found none in epoch {result.epoch}")
        return float(score)

    def text(self, score: float) -> str:
        """Return a score with its unit.

        >>> OBJECTIVES["psnr"].text(21.3), OBJECTIVES["ssim"].text(0.8)
        ('21.30 dB', '0.8000')
        """
        return f"{score:.{self.decimals}f}{self._suffix}"

    def signed(self, difference: float) -> str:
        """Return a difference of two scores with its sign and unit."""
        return f"{difference:+.{self.decimals}f}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return f" {self.unit}" if self.unit else ""


OBJECTIVES = {
    one.name: one
    for one in (
        Objective("psnr", "PSNR", "val_psnr_db", "dB", 2, 0.05, 0.1),
        Objective("ssim", "SSIM", "val_ssim", "", 4, 0.002, 0.003),
        Objective("ms_ssim", "MS-SSIM", "val_ms_ssim", "", 4, 0.002, 0.001),
    )
}
"""By name, the usual one first."""
