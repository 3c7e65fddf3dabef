"""A promotion on the rate-distortion plane: its best candidate at real bytes, codecs beside it.

Pure functions of the tables `test` and `codecs`; the report and `tune.terminal.promotion` draw.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

CLASSICAL_CODECS = ("jpeg2000", "hevc_intra", "avif")
"""Names of the classical codecs, in the order of tables and legends."""


@dataclass(frozen=True)
class RatePoint:
    """One quantiser step of a candidate, means over its runs and the test images.

    Attributes:
        rate_bpp: All bytes that a decoder needs, the model file not counted.
        psnr_db: Of the images decoded from these bytes.
        ssim: Likewise.
        codecs_db: PSNR of each classical codec at the same mean rate, by name; None outside the
            rates that it was run at.
    """

    rate_bpp: float
    psnr_db: float
    ssim: float
    codecs_db: dict[str, float | None]


def rate_points(test: pd.DataFrame, codecs: pd.DataFrame, candidate: str) -> list[RatePoint]:
    """Return the points of a candidate, highest rate first.

    Runs choose their own steps, so points of equal rank by step are averaged over runs; a rank that
    a run lacks is averaged over the others.

    Args:
        test: The test table of one promotion.
        codecs: Its codecs table.
        candidate: Name of the candidate.
    """
    coded = test[(test["candidate"] == candidate) & test["rate_bpp"].notna()]
    if coded.empty:
        return []
    columns = ["rate_bpp", "psnr_db", "ssim"]
    of_run = coded.groupby(["run", step_ranks(coded)])[columns].mean()
    curves = {name: codec_curve(codecs, name) for name in CLASSICAL_CODECS}
    return [
        RatePoint(
            float(row["rate_bpp"]),
            float(row["psnr_db"]),
            float(row["ssim"]),
            {name: _at_rate(curve, float(row["rate_bpp"])) for name, curve in curves.items()},
        )
        for row in of_run.groupby("step_rank").mean().to_dict("records")
    ]


def step_ranks(test: pd.DataFrame) -> "pd.Series[float]":
    """Return the place of each row's quantiser step among those of its run, from 1, finest first.

    Every run chooses its own steps, for the same five losses of PSNR on validation images, or for
    the same factors on the steps that meet its target rate: steps of equal rank belong together
    over seeds, equal steps do not exist.

    Args:
        test: Rows of the test table, of any candidates.

    Returns:
        A series `step_rank`, missing where nothing was quantised.
    """
    step = test["quantiser_step"]
    if "step_scale" in test:  # runs with a target differ by it; their steps are one per channel
        step = test["step_scale"].fillna(step)
    ranks = step.groupby(test["run"]).rank(method="dense")
    return ranks.rename("step_rank")


def codec_curve(codecs: pd.DataFrame, codec: str) -> pd.DataFrame:
    """Return mean rate and PSNR of a codec by target, lowest rate first.

    A target that some image cannot be coded at is left out: its mean is of other images.
    """
    rows = codecs[(codecs["codec"] == codec) & codecs["rate_bpp"].notna()]
    if rows.empty:
        return rows[["rate_bpp", "psnr_db"]]
    groups = rows.groupby("ratio")
    means = groups[["rate_bpp", "psnr_db"]].mean()
    return means[groups.size() == groups.size().max()].sort_values("rate_bpp")


def _at_rate(curve: pd.DataFrame, rate_bpp: float) -> float | None:
    """Return the PSNR of a curve at a rate, linear between its points over log rate."""
    rates = curve["rate_bpp"].to_numpy()
    if not len(rates) or not rates[0] <= rate_bpp <= rates[-1]:
        return None
    return float(np.interp(np.log(rate_bpp), np.log(rates), curve["psnr_db"].to_numpy()))
