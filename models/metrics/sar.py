"""Scores of one decoded image against its original, as the table of test results lists them.

Images are (H, W) in [0, 1]; low_db and high_db say which backscatter 0 and 1 stand for. PSNR and
SSIM are of the values in [0, 1], so they depend on the bounds; the RMSE in dB does not. Bias and
ENL are of linear intensity. docs/METRICS.md tells every formula, its source and its traps.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import ModelError
from models.metrics.edges import edge_correlation, sattar_index
from models.metrics.ms_ssim import ms_ssim
from models.metrics.reconstruction import psnr_db_from_mse, ssim
from models.metrics.speckle import enl_ratio, find_smooth_windows

Image = NDArray[np.float64]


@dataclass(frozen=True)
class ImageScores:
    """Scores of one decoded image; the fields are columns of the tables `test` and `codecs`.

    Attributes:
        psnr_db: PSNR of values in [0, 1], at most 100.
        ssim: SSIM, Gaussian window of 11 pixels, valid positions.
        ms_ssim: Over five scales; None where a side is 160 px or less.
        rmse_db: Root mean square error of the backscatter in dB.
        bias_db: 10 log10 of decoded over original mean linear intensity.
        enl_ratio: See models.metrics.speckle; None where the original has no smooth window, or the
            decoded image is flat in all of them.
        epi: Pearson correlation of Sobel magnitudes; None where either image is constant.
        epi_sattar: Correlation of Laplacians; None where either image is constant.
    """

    psnr_db: float
    ssim: float
    ms_ssim: float | None
    rmse_db: float
    bias_db: float
    enl_ratio: float | None
    epi: float | None
    epi_sattar: float | None


def score_image(
    x: NDArray[np.float32], x_hat: NDArray[np.float32], low_db: float, high_db: float
) -> ImageScores:
    """Scores a decoded image; values of x_hat outside [0, 1] are clipped first.

    Args:
        x: Original, (H, W) in [0, 1], at least 11 x 11; an array or a tensor on the CPU.
        x_hat: Decoded image, the same shape.
        low_db: Backscatter that 0 stands for, in dB.
        high_db: Backscatter that 1 stands for, above low_db.

    Raises:
        ModelError: When the shapes differ, a side is below 11 px, a value is not finite, or the
            bounds do not ascend.

    Example:
        >>> x = np.random.default_rng(0).random((32, 32), dtype=np.float32)
        >>> scores = score_image(x, x, low_db=-20.0, high_db=0.0)
        >>> scores.psnr_db, scores.rmse_db, scores.ms_ssim
        (100.0, 0.0, None)
    """
    original, decoded = _checked(x), np.clip(_checked(x_hat), 0.0, 1.0)
    if original.shape != decoded.shape:
        raise ModelError(
            "an image is scored against an original of its shape, found "
            f"{decoded.shape} and {original.shape}: crop the decoded image to the original"
        )
    intensity, decoded_intensity = (
        linear_intensity(image, low_db, high_db) for image in (original, decoded)
    )
    windows = find_smooth_windows(intensity, (original <= 0) | (original >= 1))
    # The windows of SSIM are most of the work, and float32 moves them by less than 1e-5.
    a, b = (torch.from_numpy(image.astype(np.float32)) for image in (decoded, original))
    mse = np.square(decoded - original).mean()
    return ImageScores(
        psnr_db=float(psnr_db_from_mse(torch.tensor(mse))),
        ssim=float(ssim(a[None, None], b[None, None])),
        ms_ssim=ms_ssim(a, b),
        rmse_db=(high_db - low_db) * float(np.sqrt(mse)),
        bias_db=10 * float(np.log10(decoded_intensity.mean() / intensity.mean())),
        enl_ratio=enl_ratio(intensity, decoded_intensity, windows),
        epi=edge_correlation(original, decoded),
        epi_sattar=sattar_index(original, decoded),
    )


def texture(x: NDArray[np.float32], low_db: float, high_db: float) -> float:
    """Coefficient of variation of an image's linear intensity: its local contrast, from 0."""
    intensity = linear_intensity(_checked(x), low_db, high_db)
    return float(intensity.std() / intensity.mean())


def mean_db(x: NDArray[np.float32], low_db: float, high_db: float) -> float:
    """Return the mean backscatter of an image in dB: of the decibels, clipped as the image is."""
    return low_db + (high_db - low_db) * float(_checked(x).mean())


def linear_intensity(image: Image, low_db: float, high_db: float) -> Image:
    """Return values in [0, 1] to linear intensity, 10^(dB / 10).

    Raises:
        ModelError: When low_db is not below high_db.
    """
    if not low_db < high_db:
        raise ModelError(
            f"bounds must ascend, found {low_db} and {high_db} dB: pass the corpus's bounds"
        )
    return np.asarray(np.power(10.0, (low_db + (high_db - low_db) * image) / 10))


def _checked(image: NDArray[np.float32]) -> Image:
    """Return the image in float64, two-dimensional and finite."""
    values = np.asarray(image, dtype=np.float64)
    if values.ndim != 2:
        raise ModelError(
            f"one image of shape (H, W) is scored at a time, found {values.shape}: "
            "leave batch and channel out"
        )
    if not np.isfinite(values).all():
        raise ModelError(
            "scores need finite values, and some of the image's are not: look at what decoded it"
        )
    return values
