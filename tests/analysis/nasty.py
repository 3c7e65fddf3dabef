"""Strings that a user may choose and that some layer of the report could take for its own."""

NASTY = (
    "<b>bold</b>",
    "a <br> line",
    "rock & roll",
    "&lt;b&gt; &amp; &#33;",
    "[red]brackets[/red]",
    "\"double\" and 'single'",
    "</script><img src=x onerror=alert(1)>",
    "<extra>%{x} {{ y }} $z_1$",
)

ALL_NASTY = " ".join(NASTY)
"""In one string, where a whole page is made of it."""
