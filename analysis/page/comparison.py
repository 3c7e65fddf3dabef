"""Pictures as HTML: a slider between the original and what was decoded, error maps below.

Without JavaScript, and on paper, the pictures stand side by side. With it, the pictures choose what
the slider compares; the slider is an input of the page, so that arrow keys move it.
"""

import html

from analysis.page.attributes import attribute, element_id
from analysis.page.section import Comparison

COLOURS = "linear-gradient(90deg,#00224e,#575d6d,#a59c74,#fee838)"
"""The scale of error maps: Cividis, as `analysis.promotions.comparisons` colours them."""


def comparison_html(one: Comparison) -> str:
    """Return the pictures of one image."""
    name = element_id(one.name)
    strip = "".join(_picture(one, number) for number in range(len(one.decoded) + 1))
    return (
        f'<div class="comparison" id="{name}" role="group" aria-labelledby="{name}-title" '
        f'data-best="{one.best}">'
        f'<h3 id="{name}-title">{html.escape(one.title)}</h3>'
        f'<div class="strip">{strip}</div></div>'
    )


def _picture(one: Comparison, number: int) -> str:
    picture = one.decoded[number - 1] if number else one.original
    words = f"<small>{html.escape(picture.words)}</small>" if picture.words else ""
    if not number and one.scale:
        words += f'<span class="scale" style="display:block;background:{COLOURS}"></span>'
        words += f"<small>{html.escape(one.scale)}</small>"
    error = _image(picture.error, f"error of {picture.label}", one) if picture.error else ""
    kind = "decoded" if number else "original"
    return (
        f'<figure class="{kind}">{_image(picture.source, picture.label, one)}'
        f"<figcaption><b>{html.escape(picture.label)}</b>{words}</figcaption>{error}</figure>"
    )


def _image(source: str, label: str, one: Comparison) -> str:
    width, height = one.size_px
    return (
        f'<img src="{attribute(source)}" alt="{attribute(label)}" '
        f'width="{width}" height="{height}">'
    )
