"""Test images beside what decoders made of them, with error maps on one scale.

Rows are the images that a promotion chose by a stated rule (best, quartiles, median, worst PSNR of
its best candidate); where architectures chose different images, those of the best architecture are
shown, and others stand beside them where they decoded the same image. Pixels are values here;
`analysis.promotions.comparisons` shows them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.frames import Frames
from analysis.kinds import split_by_kind
from analysis.page.palette import architecture_order
from tune.statistics.rate_points import CLASSICAL_CODECS

RULES = ("best", "upper_quartile", "median", "lower_quartile", "worst")

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Decoded:
    """One picture.

    Attributes:
        source: original, an architecture, or a codec.
        pixels: Values 0 to 255, [height, width].
        psnr_db: PSNR; NaN for the original.
        rate_bpp: Real rate; NaN where nothing was coded.
    """

    source: str
    pixels: Pixels
    psnr_db: float
    rate_bpp: float


@dataclass(frozen=True)
class PictureRow:
    """An image and what became of it at a ratio.

    Attributes:
        rate: What the ratio counts, bytes or elements.
        corpus_fingerprint: Of the corpus.
        ratio: Nominal ratio.
        image: Its name.
        chosen_as: Rule that chose it.
        chosen_by: Architecture whose promotion chose it.
        range_db: Width of the bounds, to tell errors in dB; NaN where no test score tells it.
        original: The image.
        decoded: What decoders made of it: architectures in the order of legends, then codecs.
    """

    rate: str
    corpus_fingerprint: str
    ratio: int
    image: str
    chosen_as: str
    chosen_by: str
    range_db: float
    original: Decoded
    decoded: tuple[Decoded, ...]

    @property
    def words(self) -> str:
        """The ratio and the rule that chose the image."""
        return f"{self.ratio}x of {self.rate}, {self.chosen_as.replace('_', ' ')}"

    @property
    def unit(self) -> str:
        """Unit of the error maps."""
        return "dB" if np.isfinite(self.range_db) else "share of the range"

    def error(self, decoded: Decoded) -> npt.NDArray[np.float64]:
        """Return the absolute error of a picture, in dB where the bounds are known."""
        difference = np.abs(decoded.pixels.astype(np.float64) - self.original.pixels) / 255
        return difference * (self.range_db if np.isfinite(self.range_db) else 1.0)


def compute_pictures(frames: Frames) -> tuple[PictureRow, ...]:
    """Return rows of pictures by kind of ratio, corpus, ratio and rule."""
    return tuple(
        row for rate, part in split_by_kind(frames).items() for row in _of_kind(part, rate)
    )


def _of_kind(frames: Frames, rate: str) -> list[PictureRow]:
    named = pd.concat(
        [table[["study", "corpus_fingerprint"]] for table in (frames.runs, frames.test)]
    ).drop_duplicates("study")
    fingerprints = dict(zip(named["study"], named["corpus_fingerprint"], strict=True))
    pictures = frames.pictures.assign(
        corpus_fingerprint=[fingerprints.get(s, "unknown") for s in frames.pictures["study"]]
    )
    widths = frames.test.drop_duplicates(["corpus_fingerprint", "image"])
    widths = widths.assign(range_db=widths["high_db"] - widths["low_db"])
    ranges = widths.set_index(["corpus_fingerprint", "image"])["range_db"].to_dict()
    rows: list[PictureRow] = []
    for (fingerprint, _), cell in pictures.groupby(["corpus_fingerprint", "ratio"]):
        chosen = _chosen_images(cell, frames.verdicts)
        for image, rule, study in chosen.itertuples(index=False):
            of_image = cell[cell["image"] == image]
            range_db = ranges.get((str(fingerprint), image), float("nan"))
            row = _row(rate, of_image, study, rule, range_db)
            rows += [row] if row is not None else []
    return rows


def _chosen_images(cell: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Return image, rule and study of the promotion with the best validation score."""
    scores = verdicts[verdicts["place"] == 1].set_index("study")["val_psnr_db"]
    studies = pd.Series(sorted(set(cell["study"])))
    best = studies.iloc[int(studies.map(scores).fillna(-np.inf).argmax())]
    chosen = cell[cell["study"] == best].drop_duplicates("image")
    known = {rule: place for place, rule in enumerate(RULES)}
    place = chosen["chosen_as"].map(known).fillna(len(RULES))
    ordered: pd.DataFrame = chosen.assign(place=place).sort_values("place", kind="stable")
    return ordered[["image", "chosen_as", "study"]]


def _row(
    rate: str, rows: pd.DataFrame, study: str, rule: str, range_db: float
) -> PictureRow | None:
    """Return the row of an image; None without its original, which errors are measured from."""
    own_first = rows.assign(is_other=rows["study"] != study).sort_values("is_other", kind="stable")
    first_ones = own_first.drop_duplicates("source").to_dict("records")
    by_source = {str(row["source"]): _decoded(row) for row in first_ones}
    original = by_source.pop("original", None)
    if original is None:
        return None
    codecs = [name for name in CLASSICAL_CODECS if name in by_source]
    names = (*architecture_order(set(by_source) - set(codecs)), *codecs)
    own = rows[(rows["study"] == study) & rows["run"].notna()]["source"]
    first = rows.iloc[0]
    return PictureRow(
        rate=rate,
        corpus_fingerprint=str(first["corpus_fingerprint"]),
        ratio=int(first["ratio"]),
        image=str(first["image"]),
        chosen_as=rule,
        chosen_by=str(own.iloc[0]) if len(own) else "",
        range_db=range_db,
        original=original,
        decoded=tuple(
            by_source[name]
            for name in names
            if by_source[name].pixels.shape == original.pixels.shape
        ),
    )


def _decoded(row: Mapping[Any, Any]) -> Decoded:
    pixels = np.frombuffer(row["pixels"], dtype=np.uint8)
    return Decoded(
        source=str(row["source"]),
        pixels=pixels.reshape(row["height_px"], row["width_px"]),
        psnr_db=float(row["psnr_db"]),
        rate_bpp=float(row["rate_bpp"]),
    )
