"""The rate-distortion function of a Gaussian field: what no code of such a field can beat.

A stationary Gaussian field with power spectrum S needs, for a mean squared error D, at least
R bits per pixel, where a water level theta gives both (reverse water-filling; Kolmogorov, IRE
Trans. Inf. Theory 2, 1956; Berger, Rate Distortion Theory, 1971, ch. 4; Cover and Thomas, Elements
of Information Theory, 2006, ch. 10):

    R(theta) = mean over frequencies of max(0, log2(S / theta) / 2)
    D(theta) = mean over frequencies of min(S, theta)

Of all fields with that spectrum the Gaussian one needs the most bits. So for images, which are not
Gaussian, this is no law: it says where a code ends that knows the spectrum and nothing else.

numpy only. Letters: N patches, P their side in pixels, F frequencies.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from models.errors import ModelError

CHUNK_PATCHES = 32
"""Patches that are transformed at a time: 32 MiB of complex numbers at 256 px."""


@dataclass(frozen=True)
class Spectrum:
    """A power spectrum, and the rate-distortion function of the Gaussian field that has it.

    Attributes:
        power: Power at each frequency, in any order, (F,), not negative; its mean is the variance
            of a pixel. Frequencies without power cost nothing.
    """

    power: NDArray[np.float64]

    def psnr_db(self, rates_bpp: npt.ArrayLike) -> NDArray[np.float64]:
        """Return the highest PSNR at rates, in dB for a peak of 1, from the mean squared error.

        Args:
            rates_bpp: Bits per pixel, not negative, of any shape.

        Raises:
            ModelError: When a rate is negative.

        Example:
            >>> white = Spectrum(np.full(64, 0.01))
            >>> white.psnr_db([0.0, 1.0]).round(2).tolist()
            [20.0, 26.02]
        """
        rates = np.asarray(rates_bpp, np.float64)
        if not (rates >= 0).all():
            raise ModelError(f"a rate must be at least 0 bit/px, found {rates.min()}: leave it out")
        falling, log_sums, tails = self._filling
        counts = np.arange(1, len(falling) + 1)
        # The rate at which the water has fallen to the next power and one more frequency is coded.
        ends = (log_sums[:-1] - counts[:-1] * np.log2(falling[1:])) / (2 * self.power.size)
        coded = np.searchsorted(ends, rates, side="left") + 1
        level = 2 ** ((log_sums[coded - 1] - 2 * self.power.size * rates) / coded)
        return _to_db((coded * level + tails[coded - 1]) / self.power.size)

    def rate_bpp(self, psnr_db: npt.ArrayLike) -> NDArray[np.float64]:
        """Return the lowest rate for PSNRs, in bits per pixel; 0 where no bit is needed.

        Args:
            psnr_db: In dB for a peak of 1, of any shape.

        Example:
            >>> Spectrum(np.full(64, 0.01)).rate_bpp([10.0, 26.0206]).round(3).tolist()
            [0.0, 1.0]
        """
        falling, log_sums, tails = self._filling
        counts = np.arange(1, len(falling) + 1)
        total = self.power.size * 10 ** (-np.asarray(psnr_db, np.float64) / 10)
        ends = counts[:-1] * falling[1:] + tails[:-1]
        coded = np.searchsorted(-ends, -total, side="left") + 1
        level = (total - tails[coded - 1]) / coded
        rate = (log_sums[coded - 1] - coded * np.log2(level)) / (2 * self.power.size)
        return np.maximum(rate, 0.0)

    @cached_property
    def _filling(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Powers, falling; of the first k the sum of log2; of the others the sum."""
        falling = np.sort(self.power[self.power > 0])[::-1]
        if not len(falling):
            raise ModelError(
                "a field without power has no rate: pass patches that are not constant"
            )
        tails = np.append(np.cumsum(falling[::-1])[::-1][1:], 0.0)
        return falling, np.cumsum(np.log2(falling)), tails


def fit_spectrum(patches: NDArray[np.float32]) -> Spectrum:
    """Return the mean power spectrum of patches, their common mean taken off.

    Each patch is faded out to its edges by a Hann window before it is transformed. Without it the
    jump from one edge to the opposite one leaks power of low frequencies into all others, where
    SAR patches have little, and the bound would be too low. What the window blurs instead, two
    frequencies far, are a few of P² even where the spectrum is steep. The window's own power is
    divided out, which is exact for white noise; a scaling to the variance of all pixels would
    spread the chance in the few lowest frequencies over all others.

    Args:
        patches: (N, P, P) in [0, 1], the larger P the better; 20 or more, because the logarithm of
            a mean of few periodograms is low: the bound is 2.2 / N dB too high at high rates.

    Returns:
        The spectrum at P² frequencies.

    Raises:
        ModelError: When there are no patches of that shape, or all pixels are equal.

    Example:
        >>> noise = np.random.default_rng(0).normal(0.5, 0.1, (50, 32, 32)).astype(np.float32)
        >>> fit_spectrum(noise).psnr_db([0.0, 1.0]).round().tolist()
        [20.0, 26.0]
    """
    if patches.ndim != 3 or not patches.size:
        raise ModelError(
            f"a spectrum is fitted on patches (N, P, P), found {patches.shape}: pass some, without "
            "their channel"
        )
    if patches.min() == patches.max():
        raise ModelError("all pixels are equal, so there is no spectrum: pass other patches")
    mean = patches.mean(dtype=np.float64)
    window = np.outer(*(_hann(side) for side in patches.shape[1:]))
    power = np.zeros(patches.shape[1:])
    for start in range(0, len(patches), CHUNK_PATCHES):
        tapered = (patches[start : start + CHUNK_PATCHES] - mean) * window
        power += np.square(np.abs(np.fft.fft2(tapered))).sum(axis=0)
    return Spectrum((power / (len(patches) * np.square(window).sum())).ravel())


def _hann(side_px: int) -> NDArray[np.float64]:
    """Return a Hann window without its zeros at the ends."""
    return np.hanning(side_px + 2)[1:-1]


def _to_db(mean_squared_error: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-10 * np.log10(mean_squared_error))
