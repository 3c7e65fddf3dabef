"""The Gaussian rate-distortion bound of the test images: the line above all codecs.

See `models.coding.gaussian_bound`. Images are coded one by one, so the spectrum is that of the
crops themselves. One line per footing, because PSNR depends on the bounds in dB.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.coding.gaussian_bound import fit_spectrum
from tune.evaluation.images import ImageSet

RATES_BPP = np.geomspace(0.02, 4.0, 40).round(4)
"""Where the line is given, in bits per pixel: below and above all that codecs are run at."""

FOOTING = ("group", "polarisation", "crop_px", "low_db", "high_db")


def bound_rows(
    study: str, corpus_columns: Mapping[str, Any], train: ImageSet, test: ImageSet
) -> list[dict[str, Any]]:
    """Return the bounds table of a promotion.

    A footing of the test images has one line of their own spectrum, which is what their scores
    stand against, and one of the training images of the same footing, where there are some. How far
    the two are apart is how much easier or harder the test images are. Images that all have one
    value have no line.

    Args:
        study: Name of the promotion.
        corpus_columns: Which corpus, in every row.
        train: Training images.
        test: The frozen test images.
    """
    return [
        {
            "study": study,
            **corpus_columns,
            **dict(zip(FOOTING, footing, strict=True)),
            "spectrum_of": split,
            **row,
        }
        for footing in dict.fromkeys(_footings(test))
        for split, images in (("test", test), ("train", train))
        for row in _line(_pixels_of(images, footing))
    ]


def _footings(images: ImageSet) -> list[tuple[Any, ...]]:
    return [tuple(facts[name] for name in FOOTING) for facts in images.facts]


def _pixels_of(images: ImageSet, footing: tuple[Any, ...]) -> NDArray[np.float32]:
    """Return the images (N, c, c) of a footing."""
    is_of_it = [one == footing for one in _footings(images)]
    return images.pixels[is_of_it, 0]


def _line(pixels: NDArray[np.float32]) -> Iterator[dict[str, Any]]:
    if not len(pixels) or pixels.min() == pixels.max():
        return
    for rate_bpp, psnr_db in zip(RATES_BPP, fit_spectrum(pixels).psnr_db(RATES_BPP), strict=True):
        yield {
            "num_images": len(pixels),
            "rate_bpp": float(rate_bpp),
            "psnr_db": float(psnr_db),
        }
