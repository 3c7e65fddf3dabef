"""What a rate-distortion figure shows, in one line: its title."""

from collections.abc import Sequence

import numpy as np

from analysis.kinds import BYTES
from analysis.page.palette import capital
from analysis.rates.curves import RatePanel
from analysis.rates.marks import Axis, score_of
from analysis.rates.points import ARCHITECTURES, RateCurve, RatePoint

METRIC_WORDS = {"psnr_db": "PSNR", "ssim": "SSIM", "rmse_db": "RMSE"}


def codec_gaps_db(codec: RateCurve, front: Sequence[RatePoint]) -> list[tuple[int, float]]:
    """Return how far a codec is above the networks at its own rates, where they reach: by ratio."""
    if not front:
        return []
    rates = np.log10([point.rate_bpp for point in front])
    psnr_db = np.array([point.psnr_db.mean for point in front])
    return [
        (
            point.ratio,
            point.psnr_db.mean - float(np.interp(np.log10(point.rate_bpp), rates, psnr_db)),
        )
        for point in reversed(codec.coded)
        if rates.min() <= np.log10(point.rate_bpp) <= rates.max()
    ]


def finding(panel: RatePanel, metric: str, against: Axis) -> str:
    """Return what a figure of a panel shows."""
    codec = next((curve for curve in panel.curves if curve.name == "jpeg2000"), None)
    if metric == "psnr_db" and against == "rate" and codec is not None:
        gaps_db = [-gap for _, gap in codec_gaps_db(codec, [point for _, point in panel.front])]
        if gaps_db:
            return _codec_words(gaps_db)
    return _winner_words(panel, metric, against)


def _codec_words(gaps_db: list[float]) -> str:
    """Return how the best network stands to JPEG2000 at equal bytes."""
    above = [gap for gap in gaps_db if gap > 0]
    if not above:
        return f"No network reaches JPEG2000: {_span(sorted(-gap for gap in gaps_db))} dB below it"
    if len(above) == len(gaps_db):
        return f"The best network is {_span(sorted(above))} dB above JPEG2000"
    return (
        f"The best network is above JPEG2000 at {len(above)} of {len(gaps_db)} rates, by up to "
        f"{max(above):.2f} dB"
    )


def _span(rising: list[float]) -> str:
    low, high = f"{rising[0]:.2f}", f"{rising[-1]:.2f}"
    return low if low == high else f"{low} to {high}"


def _winner_words(panel: RatePanel, metric: str, against: Axis) -> str:
    """Return which architecture has the best score at the most ratios."""
    name = METRIC_WORDS[metric]
    best: dict[int, tuple[float, str]] = {}
    sign = -1 if metric == "rmse_db" else 1
    for curve in panel.curves:
        if curve.kind not in ARCHITECTURES:
            continue
        is_coded = against == "rate" and panel.rate == BYTES
        for point in curve.trained if is_coded else curve.uncoded:
            found = sign * score_of(point, metric).mean, curve.name
            best[point.ratio] = max(best.get(point.ratio, found), found)
    if not best:
        return f"{name} of the codecs; no architecture has a score here"
    won = [winner for _, winner in best.values()]
    most = max(dict.fromkeys(won), key=won.count)
    better = "lowest" if sign < 0 else "highest"
    where = "" if against == "ratio" or panel.rate == BYTES else ", unquantised,"
    return (
        f"{capital(most)} has the {better} {name}{where} at {won.count(most)} of {len(won)} ratios"
    )
