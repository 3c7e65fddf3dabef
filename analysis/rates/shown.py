"""What a rate-distortion figure shows of a panel beside its curves, and all of it as a table."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.rates.bound import BOUND_NAME, BoundPoint, within
from analysis.rates.curves import RatePanel
from analysis.rates.marks import Axis, points_of, score_of
from analysis.rates.over_codec import OverCodec
from analysis.rates.points import RatePoint
from tune.statistics.intervals import Interval


def shown_bound(panel: RatePanel, metric: str, against: Axis) -> tuple[BoundPoint, ...]:
    """Return the bound where it can be drawn: in PSNR against the rate, as far as curves reach."""
    if metric != "psnr_db" or against != "rate":
        return ()
    return within(panel.bound, [point.rate_bpp for c in panel.curves for point in c.coded])


def shown_gains(panel: RatePanel, metric: str, against: Axis) -> tuple[OverCodec, ...]:
    """Return the points over JPEG2000 where the figure has a part for them."""
    return panel.over_jpeg2000 if metric == "psnr_db" and against == "rate" else ()


def rate_distortion_frame(panel: RatePanel, metric: str, against: Axis) -> pd.DataFrame:
    """Return the numbers of a figure, one row per point; the bound has neither ratio nor seeds."""
    front = {id(point) for _, point in panel.front}
    shown = shown_gains(panel, metric, against)
    gains = {(one.curve, one.rate_bpp): one.gain_db for one in shown}
    frame = pd.DataFrame(
        [
            {
                "curve": curve.name,
                "ratio": point.ratio,
                "quantiser_step": point.quantiser_step,
                "step_scale": point.step_scale,
                "rate_bpp": point.rate_bpp,
                metric: score_of(point, metric).mean,
                "low": score_of(point, metric).ends[0],
                "high": score_of(point, metric).ends[1],
                "num_seeds": point.num_seeds,
                "num_images": point.num_images,
                "on_front_of_networks": id(point) in front,
                **_gain_columns(gains, curve.name, point),
                **_footing_columns(panel),
            }
            for curve in panel.curves
            for point in points_of(curve, against)
        ]
        + [
            {
                "curve": BOUND_NAME,
                "rate_bpp": point.rate_bpp,
                metric: point.psnr_db,
                "num_images": point.num_images,
                "on_front_of_networks": False,
                **_footing_columns(panel),
            }
            for point in shown_bound(panel, metric, against)
        ]
    )
    counts = [name for name in ("ratio", "num_seeds", "num_images") if name in frame]
    return frame.astype(dict.fromkeys(counts, "Int64"))


def _gain_columns(
    gains: Mapping[tuple[str, float], Interval], curve: str, point: RatePoint
) -> dict[str, float]:
    """Return what the lower part of the figure shows of a point."""
    if not gains:
        return {}
    gain_db = gains.get((curve, point.rate_bpp), Interval(math.nan))
    low_db, high_db = gain_db.ends
    return {
        "over_jpeg2000_db": gain_db.mean,
        "over_jpeg2000_low_db": low_db,
        "over_jpeg2000_high_db": high_db,
    }


def _footing_columns(panel: RatePanel) -> dict[str, Any]:
    footing = panel.footing
    return {
        "ratio_counts": panel.rate,
        "corpus": footing.corpus,
        "corpus_fingerprint": footing.corpus_fingerprint,
        "group": footing.group,
        "polarisation": footing.polarisation,
        "crop_px": footing.crop_px,
        "low_db": footing.low_db,
        "high_db": footing.high_db,
    }
