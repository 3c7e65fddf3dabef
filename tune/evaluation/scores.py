"""Rows of decoded images: what was decoded, at which rate, and how well.

The columns that the tables `test` and `codecs` share.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.metrics.sar import mean_db, score_image, texture
from tune.evaluation.images import ImageSet


@dataclass(frozen=True)
class DecodedSet:
    """A set of images as one codec at one setting decodes them.

    Attributes:
        pixels: (N, 1, H, W); an image that the codec could not make is not asked for.
        quantiser_step: Of latents or coefficients; None where nothing was quantised.
        rates_bpp: All bytes that a decoder needs for each image, per pixel; None where nothing was
            coded. An entry is NaN where the codec cannot get that small.
        estimates_bpp: What the coder's tables expect of them, headers left out; None without
            tables.
    """

    pixels: NDArray[np.float32]
    quantiser_step: float | None = None
    rates_bpp: Sequence[float] | None = None
    estimates_bpp: Sequence[float] | None = None


def image_facts(images: ImageSet) -> list[Mapping[str, Any]]:
    """Return the image columns of every image, computed once for all codecs."""
    return [
        {
            **facts,
            "mean_db": mean_db(x, facts["low_db"], facts["high_db"]),
            "texture": texture(x, facts["low_db"], facts["high_db"]),
        }
        for x, facts in zip(images.pixels[:, 0], images.facts, strict=True)
    ]


def score_rows(
    images: ImageSet, facts: Sequence[Mapping[str, Any]], decoded: DecodedSet
) -> Iterator[dict[str, Any]]:
    """Yield image, rate and score columns of every image that was decoded, in order.

    Args:
        images: The originals.
        facts: Their columns, see `image_facts`.
        decoded: What became of them.
    """
    rates: Sequence[float | None] = decoded.rates_bpp or [None] * len(images)
    for x, x_hat, rate, of_image in zip(
        images.pixels[:, 0], decoded.pixels[:, 0], rates, facts, strict=True
    ):
        if rate is not None and np.isnan(rate):
            continue
        scores = score_image(x, x_hat, of_image["low_db"], of_image["high_db"])
        yield {
            **of_image,
            "quantiser_step": decoded.quantiser_step,
            "rate_bpp": rate,
            **asdict(scores),
        }
