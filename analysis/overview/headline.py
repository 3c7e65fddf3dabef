"""The answer in large type: who wins at which rate, by how much, and how sure that is."""

from analysis.kinds import BYTES
from analysis.overview.words import bytes_words, span_bpp_words
from analysis.page.palette import capital, style_of
from analysis.page.section import Fact
from analysis.rates.curves import RatePanel
from analysis.rates.leads import Lead


def headline(panel: RatePanel) -> tuple[str, str]:
    """Return what was found in one line, and what belongs to it in a sentence or two."""
    wins, told = win_words(panel), _sure_words(panel)
    if not panel.savings:
        return wins or "No architecture has test scores to compare", told
    best = panel.savings[0]
    name, percent = capital(best.curve), best.percent
    how = f"at equal PSNR {span_bpp_words(best.span_bpp)}"
    sure = f"No interval, {how}."
    line = f"{name} needs {bytes_words(percent)} than JPEG2000"
    if percent.low is not None and percent.high is not None:
        sign = -1 if percent.mean <= 0 else 1
        low, high = sorted((sign * percent.low, sign * percent.high))
        sure = f"95 % interval {low:.1f} to {high:.1f} % {'fewer' if sign < 0 else 'more'}, {how}."
        if low <= 0:
            line = f"{name} needs about as many bytes as JPEG2000"
    return line, " ".join(part for part in (sure, f"{wins}." if wins else "", told) if part)


def win_words(panel: RatePanel) -> str:
    """Return which architecture is best at how many ratios; "" without any."""
    if not panel.leads:
        return ""
    won = [lead.best for lead in panel.leads]
    most = max(dict.fromkeys(won), key=won.count)
    where = "rates" if panel.rate == BYTES else "ratios"
    if len(won) == 1:
        return f"{capital(most)} is the best at {where_of(panel, panel.leads[0])}"
    return f"{capital(most)} is the best at {won.count(most)} of {len(won)} {where}"


def _sure_words(panel: RatePanel) -> str:
    raced = [lead for lead in panel.leads if lead.second]
    if not raced:
        return ""
    num_sure = sum(is_ahead(lead) for lead in raced)
    if num_sure == 0:
        return "No winner is told apart from the next one."
    if num_sure == len(raced):
        return "Every winner is told apart from the next one."
    return f"{num_sure} of {len(raced)} winners are told apart from the next one."


def facts(panel: RatePanel) -> tuple[Fact, ...]:
    """Return the winner at each rate: by how much over the next, and how sure."""
    return tuple(_fact(panel, lead) for lead in panel.leads)


def _fact(panel: RatePanel, lead: Lead) -> Fact:
    style = style_of(lead.best)
    words, sure = f"{lead.psnr_db.mean:.2f} dB, the only one", ""
    if lead.second:
        ahead, second = lead.ahead_db, style_of(lead.second).label
        words = f"{lead.psnr_db.mean:.2f} dB, {ahead.mean:+.2f} over {second}"
        sure = "no interval"
        if ahead.low is not None and ahead.high is not None:
            told = "sure" if is_ahead(lead) else "not told apart"
            sure = f"{told} [{ahead.low:+.2f}, {ahead.high:+.2f}]"
    return Fact(where_of(panel, lead), style.label, words, sure, style.colour)


def is_ahead(lead: Lead) -> bool:
    """Return whether a winner is told apart from the next one."""
    return lead.ahead_db.low is not None and lead.ahead_db.low > 0


def where_of(panel: RatePanel, lead: Lead) -> str:
    """Return the rate of a lead, and its ratio."""
    if panel.rate == BYTES:
        return f"{8 / lead.ratio:.3g} bit/px ({lead.ratio}x)"
    return f"{lead.ratio}x, unquantised"
