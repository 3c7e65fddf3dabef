"""Which architecture is best at a ratio, how far it is above the linear codec, and who is below.

Scores are those that runs are judged by: at the rate that was trained for where ratios count bytes,
unquantised where they count elements. Runs meet a target rate to a percent or so, and a hundredth
of a bit is worth as much as some of these differences. So differences for bytes are taken at the
target rate itself, along the line through the model's own steps.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.intervals import Matrix, interval, paired_interval
from analysis.kinds import BYTES
from analysis.page.palette import architecture_order
from analysis.rates.points import LINEAR, RateCurve, RatePoint, by_seed_and_image
from analysis.rates.selection import complete_images, judged_rows
from models.shapes import target_bpp
from tune.statistics.intervals import Interval


@dataclass(frozen=True)
class Lead:
    """How far the best architecture is ahead at a ratio, by test PSNR.

    Attributes:
        ratio: Nominal ratio.
        best: The best architecture.
        psnr_db: Its PSNR.
        second: The next one; "" where there is none.
        ahead_db: Best minus second, paired by image; NaN where there is none.
    """

    ratio: int
    best: str
    psnr_db: Interval
    second: str
    ahead_db: Interval


@dataclass(frozen=True)
class OverLinear:
    """The best network at a ratio against the trained linear codec.

    Attributes:
        ratio: Nominal ratio.
        network: The best architecture with a network.
        ahead_db: Its PSNR minus that of the linear codec, paired by image.
    """

    ratio: int
    network: str
    ahead_db: Interval


@dataclass(frozen=True)
class Shortfall:
    """An architecture that is below something simpler at a ratio.

    Attributes:
        arch: The architecture.
        ratio: Nominal ratio.
        opponent: jpeg2000, at equal bytes, or linear, at the same ratio.
        behind_db: How far it is below.
    """

    arch: str
    ratio: int
    opponent: str
    behind_db: float


@dataclass(frozen=True)
class Cell:
    """Scores at one ratio: by architecture the matrix, and what moves it to the target rate.

    Attributes:
        ratio: Nominal ratio.
        scores: PSNR by seed and image, in dB.
        shifts_db: What the scores would gain at the very target rate.
    """

    ratio: int
    scores: Mapping[str, Matrix]
    shifts_db: Mapping[str, float]

    @property
    def order(self) -> list[str]:
        """The architectures, best first."""
        return sorted(self.scores, key=lambda arch: -self.level_db(arch))

    def level_db(self, arch: str) -> float:
        """Return the mean PSNR of an architecture at the target rate."""
        return float(np.mean(self.scores[arch])) + self.shifts_db[arch]

    def ahead_db(self, arch: str, other: str) -> Interval:
        """Return how far an architecture is above another, paired by image."""
        found = paired_interval(self.scores[arch], self.scores[other])
        shift_db = self.shifts_db[arch] - self.shifts_db[other]
        if found.low is None or found.high is None:
            return Interval(found.mean + shift_db)
        return Interval(found.mean + shift_db, found.low + shift_db, found.high + shift_db)


def find_cells(test: pd.DataFrame, rate: str) -> tuple[Cell, ...]:
    """Return the scores that architectures are compared by, the lowest ratio first.

    Args:
        test: Test rows of the best candidates on common images.
        rate: What the ratios count.
    """
    return tuple(_cells(test, rate))


def compute_leads(cells: Sequence[Cell]) -> tuple[Lead, ...]:
    """Return the best architecture of each ratio."""
    found = []
    for cell in cells:
        best, second = [*cell.order, ""][:2]
        ahead_db = cell.ahead_db(best, second) if second else Interval(math.nan)
        found.append(Lead(cell.ratio, best, interval(cell.scores[best]), second, ahead_db))
    return tuple(found)


def compare_with_linear(cells: Sequence[Cell]) -> tuple[OverLinear, ...]:
    """Return the best network against the linear codec at each ratio that has both."""
    found = []
    for cell in cells:
        networks = [arch for arch in cell.order if arch != LINEAR]
        if LINEAR in cell.scores and networks:
            ahead_db = cell.ahead_db(networks[0], LINEAR)
            found.append(OverLinear(cell.ratio, networks[0], ahead_db))
    return tuple(found)


def find_shortfalls(
    cells: Sequence[Cell], curves: Sequence[RateCurve], rate: str
) -> tuple[Shortfall, ...]:
    """Return the trained cells that are below JPEG2000 at equal bytes, or below the linear codec.

    Only where ratios count bytes: unquantised scores have no bytes to be equal.
    """
    if rate != BYTES:
        return ()
    codec = next((curve for curve in curves if curve.name == "jpeg2000"), None)
    gaps = [
        Shortfall(curve.name, point.ratio, "jpeg2000", gap_db)
        for curve in curves
        for point in reversed(curve.trained)
        for gap_db in _below(point, codec)
    ]
    gaps += [
        Shortfall(arch, cell.ratio, LINEAR, cell.level_db(LINEAR) - cell.level_db(arch))
        for cell in cells
        if LINEAR in cell.scores
        for arch in cell.scores
    ]
    return tuple(gap for gap in gaps if gap.behind_db > 0)


def _below(point: RatePoint, codec: RateCurve | None) -> Iterator[float]:
    """Yield how far a point is below a codec at its rate; nothing where the codec has none."""
    if codec is None or not codec.front:
        return
    rates = np.log10([p.rate_bpp for p in codec.front])
    where = math.log10(point.rate_bpp)
    if rates[0] <= where <= rates[-1]:
        levels_db = [p.psnr_db.mean for p in codec.front]
        yield float(np.interp(where, rates, levels_db)) - point.psnr_db.mean


def _cells(test: pd.DataFrame, rate: str) -> Iterator[Cell]:
    judged = judged_rows(test, rate)
    for ratio in sorted(set(judged["ratio"])):
        rows = complete_images(judged[judged["ratio"] == ratio])
        if rows.empty:  # the architectures share no image
            continue
        archs = architecture_order(set(rows["arch"]))
        of_ratio = test[test["ratio"] == ratio]
        yield Cell(
            int(ratio),
            {a: by_seed_and_image(rows[rows["arch"] == a], ["psnr_db"])[0] for a in archs},
            {a: _shift_db(of_ratio[of_ratio["arch"] == a], rate) for a in archs},
        )


def _shift_db(rows: pd.DataFrame, rate: str) -> float:
    """Return what the trained point of one architecture and ratio would gain at the very target."""
    if rate != BYTES:
        return 0.0
    scaled = rows[rows["step_scale"].notna()]
    means = scaled.groupby("step_scale")[["rate_bpp", "psnr_db"]].mean().sort_values("rate_bpp")
    where = math.log10(target_bpp(rows["ratio"].iloc[0]))
    there_db = np.interp(where, np.log10(means["rate_bpp"]), means["psnr_db"])
    return float(there_db - means["psnr_db"].loc[1.0])
