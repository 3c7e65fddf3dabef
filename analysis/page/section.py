"""A section of the report: what the modules that analyse give to the page that shows.

Frozen values without behaviour. What a section says is decided where it is made; how it looks is
decided in `analysis.page.html`.
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
    """

    name: str
    caption: str
    figure: "Figure"
    frame: "pd.DataFrame"
    is_main: bool = False


@dataclass(frozen=True)
class NamedTable:
    """A table.

    Attributes:
        name: Unique in the report: stem of its CSV and its place in the page.
        caption: What a row is and how to read it, in sentences.
        frame: The rows; column names are the headings, with units.
    """

    name: str
    caption: str
    frame: "pd.DataFrame"


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it.

    Attributes:
        title: The heading.
        anchor: Unique in the report: the heading's address in the page, of a-z, 0-9, - and _.
        paragraphs: Plain text, one paragraph each; shown before figures and tables.
        figures: Shown in this order.
        tables: Shown behind the figures.
    """

    title: str
    anchor: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[NamedFigure, ...] = ()
    tables: tuple[NamedTable, ...] = ()
