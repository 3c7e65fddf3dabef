"""Draw rows of pictures: above what was decoded, below its error, all zoomed together."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.colors
import plotly.graph_objects as go

from analysis.page.figure_parts import base_figure, with_title
from analysis.page.palette import style_of
from analysis.page.section import NamedFigure, Section
from analysis.promotions.pictures import Decoded, PictureRow

LOSSLESS = 100
QUALITIES = (LOSSLESS, 95, 85, 70, 50, 30)
"""WebP qualities that are tried until all pictures fit."""

MAX_PICTURES_MB = 4.0
"""Size of all pictures of a report, as they stand in the page."""

COLOURS = "Cividis"
GAP = 0.008
MAX_HALF_WIDTH = 4
"""Pictures in a row that takes half the width of a page."""

HEADING_PX = 42


@dataclass(frozen=True)
class Scale:
    """The scale that all error maps of a report share.

    Attributes:
        top: Error that has the brightest colour; larger ones have it too.
        unit: Its unit.
        quality: WebP quality that pictures are shown with.
    """

    top: float
    unit: str
    quality: int


def picture_sections(rows: Sequence[PictureRow]) -> tuple[Section, ...]:
    """Return one section with all pictures; none where there are none."""
    if not rows:
        return ()
    scale = common_scale(rows)
    return (
        Section(
            "Pictures",
            "pictures",
            (
                "Test images chosen by the PSNR of the best candidate at each ratio: best, "
                "upper quartile, median, lower quartile, worst. Above the original and what was "
                "decoded, JPEG2000 at equal bytes; below the absolute error, on one scale from "
                f"0 to {scale.top:.3g} {scale.unit} (larger errors have the brightest colour). "
                "Drag to zoom: all pictures of a row follow; double-click to leave. "
                f"{_quality_words(scale.quality)}",
            ),
            tuple(
                NamedFigure(
                    f"pictures_{number}_{row.ratio}x_{row.chosen_as}",
                    f"{row.words}: {row.image}.",
                    draw_pictures(row, scale),
                    _frame(row),
                )
                for number, row in enumerate(rows, start=1)
            ),
        ),
    )


def _quality_words(quality: int) -> str:
    if quality == LOSSLESS:
        return "Pictures are shown without loss."
    return (
        f"Pictures are shown as WebP of quality {quality} to keep the page small; their scores are "
        "of the decoded values."
    )


def common_scale(rows: Sequence[PictureRow]) -> Scale:
    """Return the scale of the error maps of all rows, and the quality with which they fit."""
    errors = [row.error(decoded) for row in rows for decoded in row.decoded]
    tops = [float(np.quantile(error, 0.99)) for error in errors]
    units = {row.unit for row in rows}
    unit = units.pop() if len(units) == 1 else "dB, or share of the range"
    # The median picture uses the whole scale; the largest would leave all others dark.
    top = (float(np.median(tops)) or max(tops) or 1.0) if tops else 1.0
    return Scale(top, unit, _quality(rows, top))


def draw_pictures(row: PictureRow, scale: Scale | None = None) -> go.Figure:
    """Return original and decoded pictures, and below each decoded one its error map.

    Args:
        row: What `compute_pictures` gave.
        scale: Of the error maps; None for this row's own.
    """
    scale = scale or common_scale([row])
    pictures = (row.original, *row.decoded)
    traces = []
    for column, picture in enumerate(pictures):
        shown = np.repeat(picture.pixels[:, :, None], 3, axis=2)
        traces.append(_picture(shown, 2 * column, scale.quality))
        if column:
            error = _coloured(row.error(picture), scale.top)
            traces.append(_picture(error, 2 * column + 1, scale.quality))
    # Higher than wide by this: the page makes rows as high as its width asks for.
    num_lines, num_columns = row.original.pixels.shape
    aspect = 2 * num_lines / num_columns / len(pictures)
    figure = base_figure()
    figure.add_traces([*traces, _colour_bar(scale, len(pictures))])
    figure.update_layout(
        **_axes(len(pictures)),
        annotations=[_heading(picture, c, len(pictures)) for c, picture in enumerate(pictures)],
        height=90 + int(900 * aspect),
        meta={"aspect": aspect, "is_wide": len(pictures) > MAX_HALF_WIDTH},
        showlegend=False,
    )
    figure = with_title(figure, f"{row.words}, {row.image}")
    top = figure.layout.margin.t + HEADING_PX
    return figure.update_layout(margin={"l": 8, "r": 8, "t": top, "b": 8})


def _axes(num_columns: int) -> dict[str, Any]:
    """Return one pair of axes per picture, all of them showing the same part of the image.

    Number 2c is column c above, 2c + 1 below. Plotly's own make_subplots does the same and takes
    ten times as long.
    """
    layout: dict[str, Any] = {}
    for number in range(2 * num_columns):
        column, is_below = divmod(number, 2)
        name = str(number + 1) if number else ""
        left, bottom = column / num_columns, 0.0 if is_below else 0.505
        common = {"visible": False, "constrain": "domain"}
        layout[f"xaxis{name}"] = {
            **common,
            "domain": [left + GAP / 2, left + 1 / num_columns - GAP / 2],
            "anchor": f"y{name}",
            **({"matches": "x"} if number else {}),
        }
        layout[f"yaxis{name}"] = {
            **common,
            "domain": [bottom, bottom + 0.495],
            "anchor": f"x{name}",
            **({"matches": "y"} if number else {"scaleanchor": "x", "autorange": "reversed"}),
        }
    return layout


def _heading(picture: Decoded, column: int, num_columns: int) -> dict[str, Any]:
    return {
        "text": _words(picture),
        "x": (column + 0.5) / num_columns,
        "y": 1,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11},
    }


def _words(picture: Decoded) -> str:
    lines = [style_of(picture.source).label]
    if not math.isnan(picture.psnr_db):
        lines.append(f"{picture.psnr_db:.2f} dB")
    if not math.isnan(picture.rate_bpp):
        lines.append(f"{picture.rate_bpp:.3f} bit/px")
    return "<br>".join(lines)


def _picture(pixels: npt.NDArray[np.uint8], number: int, quality: int) -> go.Image:
    source = "data:image/webp;base64," + base64.b64encode(_webp(pixels, quality)).decode()
    name = str(number + 1) if number else ""
    return go.Image(source=source, hoverinfo="skip", xaxis=f"x{name}", yaxis=f"y{name}")


def _webp(pixels: npt.NDArray[np.uint8], quality: int) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    is_lossless = quality == LOSSLESS
    Image.fromarray(pixels).save(file, "WEBP", quality=quality, lossless=is_lossless, method=2)
    return file.getvalue()


def _coloured(errors: npt.NDArray[np.float64], top: float) -> npt.NDArray[np.uint8]:
    """Return errors as colours, [height, width, 3]."""
    anchors = np.array(
        [plotly.colors.hex_to_rgb(colour) for colour in plotly.colors.sequential.Cividis],
        dtype=np.float64,
    )
    places = np.clip(errors / top, 0, 1) * (len(anchors) - 1)
    channels = [np.interp(places, np.arange(len(anchors)), anchors[:, c]) for c in range(3)]
    return np.stack(channels, axis=2).round().astype(np.uint8)


def _colour_bar(scale: Scale, num_columns: int) -> go.Scatter:
    """Return the scale of the errors, in the empty place below the original."""
    return go.Scatter(
        x=[None],
        y=[None],
        xaxis="x2",
        yaxis="y2",
        mode="markers",
        marker={
            "color": [0, scale.top],
            "cmin": 0,
            "cmax": scale.top,
            "colorscale": COLOURS,
            "showscale": True,
            "colorbar": {
                "title": {"text": f"error, {scale.unit}", "side": "top", "font": {"size": 11}},
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 0.3,
                "yanchor": "middle",
                "len": 0.9 / num_columns,
                "thickness": 10,
                "tickfont": {"size": 10},
                "nticks": 4,
            },
        },
        hoverinfo="skip",
    )


def _quality(rows: Sequence[PictureRow], top: float) -> int:
    """Return the first quality with which all pictures fit, the last one if none does.

    Measured on the first row of pictures, the others are taken to be like it.
    """
    row = rows[0]
    shown = [np.repeat(p.pixels[:, :, None], 3, axis=2) for p in (row.original, *row.decoded)]
    shown += [_coloured(row.error(decoded), top) for decoded in row.decoded]
    for quality in QUALITIES:
        num_bytes = sum(len(_webp(pixels, quality)) for pixels in shown) * len(rows) * 4 / 3
        if num_bytes < MAX_PICTURES_MB * 1e6:
            return quality
    return QUALITIES[-1]


def _frame(row: PictureRow) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "image": row.image,
                "ratio": row.ratio,
                "ratio_counts": row.rate,
                "chosen_as": row.chosen_as,
                "chosen_by": row.chosen_by,
                "source": picture.source,
                "psnr_db": picture.psnr_db,
                "rate_bpp": picture.rate_bpp,
            }
            for picture in (row.original, *row.decoded)
        ]
    )
