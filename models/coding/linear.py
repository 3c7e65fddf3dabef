"""Two linear codecs with a given number of coefficients: what a learned one must stand above.

Block KLT is the linear optimum of 16x16 blocks: what an autoencoder of one linear layer per block
would reach. Area downsampling with bicubic upsampling needs no training at all.

Both are linear to the letter: nothing is quantised, and nothing clipped to [0, 1] (the scorer's
part). numpy and Pillow only. Letters: N patches, P their side in pixels, C coefficients per block.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import ModelError

BLOCK_PX = 16
BLOCK_SIZE = BLOCK_PX**2
CHUNK_BLOCKS = 2**16
"""Blocks that are taken to float64 at a time: 128 MiB."""


@dataclass(frozen=True)
class BlockKlt:
    """The Karhunen-Loève transform of 16x16 blocks, cut to its strongest coefficients.

    Attributes:
        mean: The mean training block, (256,); the transform is of the difference from it.
        basis: Orthonormal rows by descending variance on the training blocks, (C, 256).
        variances: Of all 256 coefficients on the training blocks, descending. The mean squared
            error on those blocks is the sum of variances[C:], divided by 256.
    """

    mean: NDArray[np.float64]
    basis: NDArray[np.float64]
    variances: NDArray[np.float64]

    def reconstruct(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return patches as C coefficients per block tell them.

        Args:
            patches: (N, P, P), P a multiple of 16.

        Raises:
            ModelError: When P is not.
        """
        return self.synthesise(self.analyse(patches))

    def analyse(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the C coefficients of each block, (N, C, P / 16, P / 16); see reconstruct."""
        blocks = _split(patches)
        coefficients = np.empty((len(blocks), len(self.basis)), np.float32)
        for start in range(0, len(blocks), CHUNK_BLOCKS):
            rows = np.s_[start : start + CHUNK_BLOCKS]
            coefficients[rows] = (blocks[rows] - self.mean) @ self.basis.T
        num_patches, height, width = patches.shape
        grid = (num_patches, height // BLOCK_PX, width // BLOCK_PX, len(self.basis))
        return np.ascontiguousarray(coefficients.reshape(grid).transpose(0, 3, 1, 2))

    def synthesise(self, coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return patches (N, P, P) of coefficients (N, C, P / 16, P / 16)."""
        num_patches, num_coefficients, rows, columns = coefficients.shape
        flat = coefficients.transpose(0, 2, 3, 1).reshape(-1, num_coefficients)
        blocks = np.empty((len(flat), BLOCK_SIZE), np.float32)
        for start in range(0, len(flat), CHUNK_BLOCKS):
            chunk = np.s_[start : start + CHUNK_BLOCKS]
            blocks[chunk] = flat[chunk] @ self.basis + self.mean
        return _join(blocks, (num_patches, rows * BLOCK_PX, columns * BLOCK_PX))


def fit_block_klt(patches: NDArray[np.float32], latent_channels: int) -> BlockKlt:
    """Return the block KLT of training patches, from the exact covariance of all their blocks.

    Args:
        patches: (N, P, P), P a multiple of 16.
        latent_channels: C, coefficients kept per block, 1 to 256: 256 / ratio.

    Raises:
        ModelError: When there are no patches, P is no multiple of 16, or C is out of range.

    Example:
        >>> patches = np.random.default_rng(0).random((4, 32, 32), dtype=np.float32)
        >>> klt = fit_block_klt(patches, latent_channels=256)
        >>> bool(np.allclose(klt.reconstruct(patches), patches, atol=1e-6))
        True
    """
    if not 1 <= latent_channels <= BLOCK_SIZE:
        raise ModelError(
            f"a block has 1 to {BLOCK_SIZE} coefficients, {latent_channels} are asked for: "
            f"take {BLOCK_SIZE} / ratio"
        )
    blocks = _split(patches)
    if not len(blocks):
        raise ModelError(
            "the KLT is fitted on at least one patch, there is none: pass training patches"
        )
    mean = blocks.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((BLOCK_SIZE, BLOCK_SIZE))
    for start in range(0, len(blocks), CHUNK_BLOCKS):
        differences = blocks[start : start + CHUNK_BLOCKS] - mean
        covariance += differences.T @ differences
    variances, vectors = np.linalg.eigh(covariance / len(blocks))
    order = np.argsort(variances)[::-1]
    return BlockKlt(mean, vectors[:, order[:latent_channels]].T, variances[order])


def supports_down_up(ratio: int) -> bool:
    """Return whether sides shrink by a whole factor: at 4x, 16x, 64x, not at 8x, 32x."""
    return ratio > 0 and math.isqrt(ratio) ** 2 == ratio


def down_up_sample(patches: NDArray[np.float32], ratio: int) -> NDArray[np.float32]:
    """Return patches from the means of their squares of ratio pixels, interpolated bicubically.

    Args:
        patches: (N, P, P), P a multiple of the square root of ratio.
        ratio: Pixels per mean, a square number; see supports_down_up.

    Raises:
        ModelError: When ratio is no square, or P no multiple of its root.
    """
    return interpolate_means(area_means(patches, ratio), ratio)


def area_means(patches: NDArray[np.float32], ratio: int) -> NDArray[np.float32]:
    """Return the means of squares of ratio pixels, (N, P / f, P / f) with f² = ratio.

    Raises:
        ModelError: When ratio is no square, or P no multiple of its root.
    """
    factor = _require_square(ratio)
    height, width = _require_multiple(patches, factor)
    shape = (-1, height // factor, factor, width // factor, factor)
    means = patches.reshape(shape).mean(axis=(2, 4), dtype=np.float64)
    return np.asarray(means, np.float32)


def interpolate_means(means: NDArray[np.float32], ratio: int) -> NDArray[np.float32]:
    """Return patches of f times the sides of means (N, h, w), by bicubic interpolation, f² = ratio.

    Raises:
        ModelError: When ratio is no square.
    """
    factor = _require_square(ratio)
    num_patches, height, width = means.shape
    size = (width * factor, height * factor)
    patches = np.empty((num_patches, *reversed(size)), np.float32)
    for patch, small in zip(patches, means, strict=True):
        patch[:] = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
    return patches


def _require_square(ratio: int) -> int:
    """Return the root of ratio."""
    if not supports_down_up(ratio):
        raise ModelError(
            f"down-and-up sampling needs a square ratio, found {ratio}: take 4, 16 or 64"
        )
    return math.isqrt(ratio)


def _split(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, P, P) to a copy as (blocks, 256), patch by patch, row by row."""
    height, width = _require_multiple(patches, BLOCK_PX)
    grid = patches.reshape(-1, height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX)
    return grid.swapaxes(2, 3).reshape(-1, BLOCK_SIZE).astype(np.float32)


def _join(blocks: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the inverse of _split."""
    _, height, width = shape
    grid = blocks.reshape(-1, height // BLOCK_PX, width // BLOCK_PX, BLOCK_PX, BLOCK_PX)
    return grid.swapaxes(2, 3).reshape(shape)


def _require_multiple(patches: NDArray[np.float32], factor: int) -> tuple[int, int]:
    """Height and width of the patches, both multiples of factor."""
    if patches.ndim != 3:
        raise ModelError(
            f"patches must be of shape (N, P, P), found {patches.shape}: leave the channel out"
        )
    height, width = patches.shape[1:]
    if height % factor or width % factor:
        raise ModelError(
            f"sides of patches must be multiples of {factor} px, found {height} x {width}: "
            "crop them"
        )
    return height, width
