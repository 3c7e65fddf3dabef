"""What a ratio of bytes lets the answer say: bytes saved, whether a network pays, who is below."""

from collections.abc import Mapping
from shlex import quote

from analysis.frames import Frames
from analysis.overview.words import bytes_words, lead_words, span_bpp_words
from analysis.page.palette import capital, style_of
from analysis.rates.curves import RatePanel
from analysis.rates.leads import OverLinear, Shortfall
from analysis.rates.points import ARCHITECTURES, LINEAR
from analysis.rates.savings import Saving
from analysis.rates.selection import best_candidates
from tune.statistics.intervals import Interval

Hours = Mapping[tuple[str, int], float]
"""Hours of training of one run of the best candidate, by architecture and ratio."""


def bytes_sentences(frames: Frames, panel: RatePanel) -> tuple[str, ...]:
    """Return what is said first, of a panel of bytes.

    Args:
        frames: Tables of studies of bytes.
        panel: What was measured.
    """
    return (
        _saving_sentence(panel),
        _linear_sentence(frames, panel),
        _shortfall_sentence(panel),
        _lead_sentence(panel),
    )


def _saving_sentence(panel: RatePanel) -> str:
    if not panel.savings:
        return (
            "How many bytes are saved against JPEG2000 is not known: no architecture has test "
            "scores at its target rate and a PSNR that JPEG2000 reaches on these images."
        )
    best = panel.savings[0]
    where = span_bpp_words(best.span_bpp)
    how = (
        "BD-rate over the PSNR that both reach"
        if best.is_bd
        else "mean over the points that it was trained for"
    )
    return (
        f"{capital(best.curve)} needs {_bytes_words(best.percent)} than JPEG2000 at equal PSNR "
        f"{where} ({how}; 95 % interval over images and seeds){_among(panel.savings)}."
    )


def _bytes_words(percent: Interval) -> str:
    """Return how many bytes fewer or more, with the interval in the same direction."""
    sign = -1 if percent.mean <= 0 else 1
    text = bytes_words(percent)
    if percent.low is None or percent.high is None:
        return f"{text} (no interval)"
    ends = sorted((sign * percent.low, sign * percent.high))
    told = "" if ends[0] > 0 else ", not told apart from as many"
    return f"{text} [{ends[0]:.1f}, {ends[1]:.1f}{told}]"


def _among(savings: tuple[Saving, ...]) -> str:
    """Return whom it was chosen from: who was trained for fewer ratios has another span."""
    equal = [one for one in savings if one.num_ratios == savings[0].num_ratios]
    ratios = f"{savings[0].num_ratios} ratio{'s' if savings[0].num_ratios > 1 else ''}"
    if len(equal) == 1:
        return f", trained for {ratios}"
    return f", the best of {len(equal)} that were trained for {ratios}"


def _linear_sentence(frames: Frames, panel: RatePanel) -> str:
    has_linear = any(curve.kind == LINEAR for curve in panel.curves)
    if not has_linear:
        return (
            "Whether a network pays is not known: no trained linear codec has test scores here. "
            f"{_how_to_get_linear(frames, panel)}"
        )
    if not panel.over_linear:
        return (
            "Whether a network pays is not known: no ratio has both a network and the trained "
            "linear codec at its target rate."
        )
    hours = _training_hours(frames, panel)
    cells = "; ".join(_over_words(one, hours) for one in panel.over_linear)
    paying = [one for one in panel.over_linear if one.ahead_db.low and one.ahead_db.low > 0]
    return (
        "The best network against the trained linear codec, at the target rate: "
        f"{cells}. The interval is above 0, so that a network pays, at {len(paying)} of "
        f"{len(panel.over_linear)} ratios."
    )


def _over_words(one: OverLinear, hours: Hours) -> str:
    ahead_db, label = one.ahead_db, style_of(one.network).label
    side = "above" if ahead_db.mean >= 0 else "below"
    text = f"{label} is {abs(ahead_db.mean):.2f} dB {side} at {one.ratio}x"
    if ahead_db.low is None or ahead_db.high is None:
        told = " (no interval)"
    else:
        span = f"[{ahead_db.low:+.2f}, {ahead_db.high:+.2f}]"
        told = f" {span}" + (", not told apart" if ahead_db.low <= 0 <= ahead_db.high else "")
    return f"{text}{told}{_time_words(one, hours)}"


def _time_words(one: OverLinear, hours: Hours) -> str:
    network = hours.get((one.network, one.ratio), 0.0)
    linear = hours.get((LINEAR, one.ratio), 0.0)
    if not (network > 0 and linear > 0):
        return ""
    return (
        f", for {network / linear:.2g} times its training time ({_duration(network)} and "
        f"{_duration(linear)})"
    )


def _duration(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.2g} min"


def _training_hours(frames: Frames, panel: RatePanel) -> Hours:
    best, _ = best_candidates(frames)
    runs = frames.runs.merge(best, on=["study", "candidate"])
    runs = runs[runs["corpus_fingerprint"] == panel.footing.corpus_fingerprint]
    means = runs.groupby(["arch", "ratio"])[["train_s"]].mean().reset_index()
    return {
        (str(row["arch"]), int(row["ratio"])): float(row["train_s"]) / 3600
        for row in means.to_dict("records")
    }


def _how_to_get_linear(frames: Frames, panel: RatePanel) -> str:
    """Return the command for the linear codec: promote it where it was searched, or search it."""
    trials = frames.trials
    here = trials[trials["corpus_fingerprint"] == panel.footing.corpus_fingerprint]
    searched = sorted(set(here.loc[here["arch"] == LINEAR, "study"]))
    if searched:
        return f"It was searched: python -m tune.promote --study {quote(searched[-1])}."
    ratios = sorted({p.ratio for c in panel.curves if c.kind in ARCHITECTURES for p in c.coded})
    data = {frames.configs.get(study, {}).get("data") for study in set(here["study"])} - {None}
    flag = f" --data {quote(str(data.pop()))}" if len(data) == 1 else ""
    wanted = ",".join(map(str, ratios))
    return f"python -m tune.search --arch linear --ratio {wanted}{flag} begins it."


def _shortfall_sentence(panel: RatePanel) -> str:
    parts = []
    for opponent in dict.fromkeys(one.opponent for one in panel.shortfalls):
        own = [one for one in panel.shortfalls if one.opponent == opponent]
        parts.append(f"below {style_of(opponent).label}: {', '.join(map(_cell_words, own))}")
    if not parts:
        return _nothing_below(panel)
    text = "; ".join(parts)
    return f"At equal bytes, {text}."


def _nothing_below(panel: RatePanel) -> str:
    compared = [
        *(["JPEG2000"] if any(curve.name == "jpeg2000" for curve in panel.curves) else []),
        *(["the trained linear codec"] if panel.over_linear else []),
    ]
    if not compared:
        return "Nothing was measured that a network could be below."
    return f"No trained point is below {' or '.join(compared)}."


def _cell_words(one: Shortfall) -> str:
    return f"{one.ratio}x {style_of(one.arch).label} by {one.behind_db:.2f} dB"


def _lead_sentence(panel: RatePanel) -> str:
    if not panel.leads:
        return "No architecture has test scores at its target rate."
    cells = "; ".join(map(lead_words, panel.leads))
    return f"Best architecture per ratio, test PSNR at 8 / ratio bit per pixel: {cells}."
