"""The answer in large type: a headline, what belongs to it, and its parts side by side."""

import html

from analysis.page.section import Fact, Section


def headline_html(section: Section) -> str:
    """Return headline, lead and facts of a section; nothing where it has none."""
    if not section.headline:
        return ""
    lead = f'<p class="lead">{html.escape(section.lead)}</p>' if section.lead else ""
    facts = "".join(map(_fact, section.facts))
    return (
        f'<p class="headline">{html.escape(section.headline)}</p>{lead}'
        f"{f'<ul class=facts>{facts}</ul>' if facts else ''}"
    )


def _fact(fact: Fact) -> str:
    edge = f' style="border-color:{fact.colour}"' if fact.colour else ""
    parts = (("label", fact.label), ("value", fact.value), ("words", fact.words))
    lines = "".join(f'<span class="{name}">{html.escape(text)}</span>' for name, text in parts)
    sure = f'<span class="sure">{html.escape(fact.sure)}</span>' if fact.sure else ""
    return f"<li{edge}>{lines}{sure}</li>"
