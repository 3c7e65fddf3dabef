"""The sentences that state the answer at length: of test scores, or of what searches alone allow.

What is said of bytes first is in `analysis.overview.bytes_answer`.
"""

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from analysis.frames import Frames
from analysis.kinds import BYTES
from analysis.overview.bytes_answer import bytes_sentences
from analysis.overview.search_scores import SearchScores
from analysis.overview.words import lead_words
from analysis.page.palette import style_of
from analysis.rates.curves import RatePanel
from analysis.rates.finding import codec_gaps_db
from analysis.rates.points import LINEAR, RateCurve, RatePoint
from models.training.objective import Objective


def answer_sentences(frames: Frames, panel: RatePanel) -> tuple[str, ...]:
    """Return the sentences of a panel, the last of which says what they were measured on.

    Args:
        frames: Tables of the panel's kind.
        panel: What was measured.
    """
    first = bytes_sentences(frames, panel) if panel.rate == BYTES else (_best_sentence(panel),)
    return (
        *first,
        _gain_sentence(frames, panel),
        _codec_sentence(panel),
        f"Measured on the {panel.num_images} test images of {panel.footing.words}; PSNR compares "
        "only within these bounds.",
    )


def search_sentences(scores: SearchScores | None) -> tuple[str, ...]:
    """Return what searches alone allow to say."""
    if scores is None:
        return (
            "There is no score yet: no trial has finished an epoch. Start a search with "
            "python -m tune.search --arch attention --ratio 16.",
        )
    objective = scores.objective
    column = objective.plain_column
    best = scores.best.sort_values(column).drop_duplicates("ratio", keep="last")
    cells = [
        f"{ratio}x {style_of(arch).label} {objective.text(score)}"
        for arch, ratio, score in best.sort_values("ratio")[["arch", "ratio", column]].to_numpy()
    ]
    gains = best[scores.gain].dropna()
    gained = (
        f"Against the hand-set trial of the same search that is "
        f"{_span(gains.min(), gains.max(), objective)}, the best of many against one."
        if len(gains)
        else "No hand-set trial of these searches has a score, so there is no gain to tell."
    )
    where = ", at 8 / ratio bit per pixel" if scores.rate == BYTES else ""
    what = "" if objective.name == "psnr" else f" {objective.words}"
    return (
        f"Best of the searches so far (quick, validation{what}, one seed, no interval{where}): "
        f"{', '.join(cells)}.",
        gained,
        "Nothing has test scores yet, so where JPEG2000, HEVC and AVIF stand is not known: "
        "python -m tune.promote measures it.",
    )


def _span(low: float, high: float, objective: Objective) -> str:
    first, last = objective.signed(low), objective.signed(high)
    return first if first == last else f"{first.removesuffix(' dB')} to {last}"


def _best_sentence(panel: RatePanel) -> str:
    if not panel.leads:
        return "No network has unquantised test scores."
    cells = "; ".join(map(lead_words, panel.leads))
    below = [lead for lead in panel.leads if lead.psnr_db.mean < _klt_db(panel, lead.ratio)]
    linear = (
        f" Below block KLT, the linear code of as many elements: at "
        f"{', '.join(f'{lead.ratio}x' for lead in below)}."
        if below
        else ""
    )
    return f"Best architecture per ratio, unquantised test PSNR: {cells}.{linear}"


def _klt_db(panel: RatePanel, ratio: int) -> float:
    """Return the PSNR of block KLT at a ratio; minus infinity where it has none."""
    points = [p for curve in panel.curves if curve.name == "block_klt" for p in curve.uncoded]
    return next((p.psnr_db.mean for p in points if p.ratio == ratio), -math.inf)


def _gain_sentence(frames: Frames, panel: RatePanel) -> str:
    verdicts = frames.verdicts
    best = verdicts[
        (verdicts["corpus_fingerprint"] == panel.footing.corpus_fingerprint)
        & (verdicts["place"] == 1)
    ].sort_values("study")
    best = best.drop_duplicates(["arch", "ratio"], keep="last").sort_values(["ratio", "arch"])
    measured = best.dropna(subset=["control_gain_mean_db"])
    if measured.empty:
        return "No winner has been measured against its hand-set control."
    leading = {(lead.best, lead.ratio) for lead in panel.leads}
    told = [(row["arch"], row["ratio"]) in leading for _, row in measured.iterrows()]
    gains = [
        f"{row['ratio']}x {style_of(row['arch']).label} {_gain_words(row)}"
        for _, row in measured[told].iterrows()
    ]
    others = measured.loc[[not is_told for is_told in told], "control_gain_mean_db"]
    if len(others):
        span = " to ".join(dict.fromkeys(f"{gain:+.2f}" for gain in (others.min(), others.max())))
        gains.append(f"other architectures {span} dB")
    num_kept = int((best["candidate"] == "control").sum())
    kept = f"; in {num_kept} cells the hand-set control itself is best" if num_kept else ""
    return (
        "Gain of the search over hand-set values, paired, on validation images: "
        f"{', '.join(gains)}{kept}."
    )


def _gain_words(verdict: "pd.Series[Any]") -> str:
    """Return the gain over the control; without an interval, as over one image, it says so."""
    mean, low, high = (verdict[f"control_gain_{part}_db"] for part in ("mean", "low", "high"))
    if math.isnan(low):
        return f"{mean:+.2f} dB (no interval)"
    told = "" if low > 0 or high < 0 else ", not told apart"
    return f"{mean:+.2f} dB [{low:+.2f}, {high:+.2f}]{told}"


def _codec_sentence(panel: RatePanel) -> str:
    if not panel.front:
        if any(curve.kind == LINEAR for curve in panel.curves):
            return "No network has coded test scores: only the trained linear codec is compared."
        return (
            "No network has coded test scores, so nothing compares with JPEG2000, HEVC and AVIF at "
            "equal bytes."
        )
    codecs = [curve for curve in panel.curves if curve.kind == "codec"]
    if not codecs:
        return "None of JPEG2000, HEVC and AVIF has scores on these images."
    front = [point for _, point in panel.front]
    standings = "; ".join(_standing(codec, front) for codec in codecs)
    return f"At equal bytes, against the best network there: {standings}."


def _standing(codec: RateCurve, front: Sequence[RatePoint]) -> str:
    """Return how far a codec is ahead of the networks at its own rates, where they reach."""
    gaps = codec_gaps_db(codec, front)
    label = style_of(codec.name).label
    if not gaps:
        return f"{label} has no rate in common with the networks"
    words = [
        f"{abs(gap):.2f} dB {'ahead' if gap > 0 else 'behind'} at {8 / ratio:.3g} bit/px"
        for ratio, gap in gaps
    ]
    return f"{label} is {', '.join(words)}"
