"""Show test images beside what became of them: pictures, error maps on one scale, their numbers."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.colors

from analysis.page.palette import style_of
from analysis.page.section import Comparison, NamedTable, Picture, Section
from analysis.promotions.pictures import Decoded, PictureRow

LOSSLESS = 100
QUALITIES = (LOSSLESS, 95, 85, 70, 50, 30)
"""WebP qualities that are tried until all pictures fit."""

MAX_PICTURES_MB = 4.0
"""Size of all pictures of a report, as they stand in the page."""


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
                "upper quartile, median, lower quartile, worst. The slider lays the original over "
                "what was decoded: drag it, or move it with the arrow keys; press a picture to "
                "compare with it. Below each decoded picture, JPEG2000 at equal bytes among them, "
                f"is its absolute error, on one scale from 0 (dark blue) to {scale.top:.3g} "
                f"{scale.unit} (yellow; larger errors too). {_quality_words(scale.quality)}",
            ),
            tables=(_table(rows),),
            comparisons=tuple(
                make_comparison(row, scale, number) for number, row in enumerate(rows, start=1)
            ),
        ),
    )


def make_comparison(row: PictureRow, scale: Scale, number: int = 1) -> Comparison:
    """Return an image and what became of it, as pictures of a page.

    Args:
        row: What `compute_pictures` gave.
        scale: Of the error maps.
        number: Of the row in its report.
    """
    num_lines, num_columns = row.original.pixels.shape
    return Comparison(
        f"pictures_{number}",
        f"{row.words} image {row.image}: {_finding(row)}",
        (num_columns, num_lines),
        Picture("original", "", _address(_grey(row.original.pixels), scale.quality)),
        tuple(
            Picture(
                style_of(one.source).label,
                _words(one),
                _address(_grey(one.pixels), scale.quality),
                _address(_coloured(row.error(one), scale.top), scale.quality),
            )
            for one in row.decoded
        ),
        best=max(
            range(len(row.decoded)),
            key=lambda place: (_known(row.decoded[place].psnr_db), -place),
            default=0,
        ),
        scale=f"error, 0 to {scale.top:.3g} {scale.unit}",
    )


def _known(psnr_db: float) -> float:
    return -math.inf if math.isnan(psnr_db) else psnr_db


def _finding(row: PictureRow) -> str:
    """Return who comes closest to the original, and how far ahead of JPEG2000 that is."""
    scored = [one for one in row.decoded if not math.isnan(one.psnr_db)]
    if not scored:
        return "no score"
    best = max(scored, key=lambda one: one.psnr_db)
    text = f"{style_of(best.source).label} is closest with {best.psnr_db:.2f} dB"
    codec = next((one for one in scored if one.source == "jpeg2000"), best)
    gap_db = best.psnr_db - codec.psnr_db
    return text if codec is best else f"{text}, {gap_db:.2f} dB above JPEG2000"


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


def _words(picture: Decoded) -> str:
    parts = []
    if not math.isnan(picture.psnr_db):
        parts.append(f"{picture.psnr_db:.2f} dB")
    if not math.isnan(picture.rate_bpp):
        parts.append(f"{picture.rate_bpp:.3f} bit/px")
    return ", ".join(parts)


def _grey(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.repeat(pixels[:, :, None], 3, axis=2)


def _address(pixels: npt.NDArray[np.uint8], quality: int) -> str:
    return "data:image/webp;base64," + base64.b64encode(_webp(pixels, quality)).decode()


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


def _quality(rows: Sequence[PictureRow], top: float) -> int:
    """Return the first quality with which all pictures fit, the last one if none does.

    Measured on the first row of pictures, the others are taken to be like it.
    """
    row = rows[0]
    shown = [_grey(p.pixels) for p in (row.original, *row.decoded)]
    shown += [_coloured(row.error(decoded), top) for decoded in row.decoded]
    for quality in QUALITIES:
        num_bytes = sum(len(_webp(pixels, quality)) for pixels in shown) * len(rows) * 4 / 3
        if num_bytes < MAX_PICTURES_MB * 1e6:
            return quality
    return QUALITIES[-1]


def _table(rows: Sequence[PictureRow]) -> NamedTable:
    return NamedTable(
        "pictures",
        "The pictures above: who decoded an image, how well and at what rate.",
        pd.DataFrame(
            [
                {
                    "image": row.image,
                    "ratio": row.ratio,
                    "ratio_counts": row.rate,
                    "chosen_as": row.chosen_as.replace("_", " "),
                    "chosen_by": row.chosen_by,
                    "source": picture.source,
                    "psnr_db": picture.psnr_db,
                    "rate_bpp": picture.rate_bpp,
                }
                for row in rows
                for picture in row.decoded
            ]
        ),
    )
