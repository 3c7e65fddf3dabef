"""How scores and leads are told in a sentence."""

from analysis.page.palette import style_of
from analysis.rates.leads import Lead
from tune.statistics.intervals import Interval


def lead_words(lead: Lead) -> str:
    """Return the best architecture of a ratio, and whether it is ahead of the next."""
    words = f"{lead.ratio}x {style_of(lead.best).label} {span_words(lead.psnr_db)}"
    if not lead.second:
        return f"{words}, the only one"
    ahead, second = lead.ahead_db, style_of(lead.second).label
    if ahead.low is None or ahead.low <= 0:
        return f"{words}, not told apart from {second}"
    return f"{words}, {ahead.mean:.2f} dB [{ahead.low:.2f}, {ahead.high:.2f}] ahead of {second}"


def span_words(score: Interval) -> str:
    """Return a score with its interval."""
    if score.low is None:
        return f"{score.mean:.2f} dB (no interval)"
    return f"{score.mean:.2f} dB [{score.low:.2f}, {score.high:.2f}]"


def bytes_words(percent: Interval) -> str:
    """Return how many bytes fewer or more, without the interval.

    >>> bytes_words(Interval(-20.0))
    '20.0 % fewer bytes'
    """
    return f"{abs(percent.mean):.1f} % {'fewer' if percent.mean <= 0 else 'more'} bytes"


def span_bpp_words(span_bpp: tuple[float, float]) -> str:
    """Return between which rates something holds, or at which one.

    >>> span_bpp_words((0.1, 2.0)), span_bpp_words((0.5, 0.501))
    ('between 0.1 and 2 bit per pixel', 'at 0.5 bit per pixel')
    """
    low, high = (f"{rate_bpp:.2g}" for rate_bpp in span_bpp)
    return f"at {low} bit per pixel" if low == high else f"between {low} and {high} bit per pixel"
