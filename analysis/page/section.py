"""A section of the report: what the modules that analyse give to the page that shows.

Frozen values without behaviour. What a section says is decided where it is made; how it looks is
decided in `analysis.page.html` and its neighbours.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class NamedFigure:
    """A figure and the numbers that it shows.

    Attributes:
        name: Unique in the report: stem of its CSV, PNG and SVG, and its place in the page.
        caption: What is seen, on which data, in sentences.
        figure: The Plotly figure, drawn with the light template; the page exchanges the template.
        frame: The numbers that the figure shows, after thinning, one row per mark.
        is_main: Whether `--static` writes it as PNG and SVG.
        title: What the figure found, in a few words; it stands above it.
    """

    name: str
    caption: str
    figure: "Figure"
    frame: "pd.DataFrame"
    is_main: bool = False
    title: str = ""


@dataclass(frozen=True)
class Heat:
    """Colours of a table's cells: a heat map.

    Attributes:
        shades: Between 0 (palest) and 1 (darkest), NaN without colour; the shape of the table
            without its first column.
        low: What the palest colour means, in a few words.
        high: What the darkest means.
    """

    shades: "pd.DataFrame"
    low: str
    high: str


@dataclass(frozen=True)
class NamedTable:
    """A table.

    Attributes:
        name: Unique in the report: stem of its CSV and its place in the page.
        caption: What a row is and how to read it, in sentences.
        frame: The rows; column names are the headings, with units.
        heat: Colours of its cells, whose first line stands large then; None for a plain table.
        title: What it shows or found, in a few words; "" for none.
    """

    name: str
    caption: str
    frame: "pd.DataFrame"
    heat: Heat | None = None
    title: str = ""


@dataclass(frozen=True)
class Fact:
    """One part of the answer in large type.

    Attributes:
        label: What it is about, such as a rate.
        value: The answer, in a word or a number.
        words: By how much, in a few words.
        sure: How sure, in a few words.
        colour: Of its edge, as #rrggbb; "" for none.
    """

    label: str
    value: str
    words: str
    sure: str = ""
    colour: str = ""


@dataclass(frozen=True)
class Picture:
    """One picture of a comparison.

    Attributes:
        label: Who made it.
        words: How good and how large it is.
        source: The picture, as an address that holds it.
        error: Its error map, likewise; "" for the original.
    """

    label: str
    words: str
    source: str
    error: str = ""


@dataclass(frozen=True)
class Comparison:
    """An image and what became of it: a slider between the original and each decoded one.

    Attributes:
        name: Unique in the report.
        title: What it found, in a few words.
        size_px: Width and height of the pictures.
        original: The image.
        decoded: What decoders made of it.
        best: Place of the one that is compared first.
        scale: What the ends of the error maps' colours mean, in a few words.
    """

    name: str
    title: str
    size_px: tuple[int, int]
    original: Picture
    decoded: tuple[Picture, ...]
    best: int = 0
    scale: str = ""


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it.

    Attributes:
        title: The heading.
        anchor: Unique in the report: the heading's address in the page, of a-z, 0-9, - and _.
        paragraphs: Plain text, one paragraph each; shown before figures and tables, or behind the
            figures where a headline comes first.
        figures: Shown in this order.
        tables: Shown behind the figures, those with heat beside the first figure.
        headline: The answer in one line of large type; "" for none.
        lead: What belongs to the headline, in a sentence or two.
        facts: Parts of the answer in large type.
        comparisons: Pictures, shown behind the paragraphs.
        is_brief_on_paper: Whether a print has only the first figure and the first table of it.
    """

    title: str
    anchor: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[NamedFigure, ...] = ()
    tables: tuple[NamedTable, ...] = ()
    headline: str = ""
    lead: str = ""
    facts: tuple[Fact, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    is_brief_on_paper: bool = False
