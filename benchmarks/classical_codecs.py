"""JPEG2000, HEVC intra and AVIF on real patches, beside the values that were recorded for them.

`python -m benchmarks.classical_codecs SCENES` prints Markdown rows. The patches are the recorded
ones: of the 1600 patches of 256² of the 100 tiles of group A (tiles by name, patches row by row),
the first 200, and 10 for HEVC and AVIF, of `numpy.random.default_rng(1).permutation(1600)`; bounds
-17.5 and 0 dB. PSNR is the mean of the patches'.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.coding.classical import CodedImage, encode_jpeg2000, to_8_bit
from models.coding.heif_codecs import encode_avif, encode_hevc_intra
from models.metrics.sar import score_image

GROUP = "s1_grd_vh_u8_volkov"
PATCH_PX = 256
PATCHES_PER_SIDE = 4
LOW_DB, HIGH_DB = -17.5, 0.0
RECORDED_DB = {
    "jpeg2000": {4: 34.30, 8: 28.23, 16: 24.55, 32: 21.59, 64: 19.77},
    "hevc_intra": {8: 29.37, 16: 25.60, 32: 22.78, 64: 20.64},
    "avif": {4: 35.91, 8: 29.60, 16: 25.68, 32: 22.77, 64: 20.60},
}
FIRST_DB = {
    "jpeg2000": (4, {4: 34.053, 8: 28.052, 16: 24.180, 32: 21.219, 64: 19.250}),
    "hevc_intra": (2, {32: 22.643}),
    "avif": (2, {16: 25.625}),
}
"""By codec how many of the first patches, and their PSNR: found when the mean of the first 40 of
JPEG2000, and of the ten of HEVC at 32x and AVIF at 16x, was as recorded."""

NUM_PATCHES = {"jpeg2000": 200, "hevc_intra": 10, "avif": 10}
ENCODERS: dict[str, Callable[[NDArray[np.uint8], int], CodedImage | None]] = {
    "jpeg2000": encode_jpeg2000,
    "hevc_intra": encode_hevc_intra,
    "avif": encode_avif,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenes", type=Path, help="the folder of the real scenes")
    scenes = parser.parse_args(argv).scenes
    print("| codec | patches | ratio | bpp | PSNR dB | recorded dB | SSIM | s per patch |")
    print("|---|---|---|---|---|---|---|---|")
    for codec, recorded in RECORDED_DB.items():
        patches = recorded_patches(scenes, NUM_PATCHES[codec])
        for ratio, expected_db in recorded.items():
            print(_row(codec, patches, ratio, expected_db), flush=True)
    return 0


def recorded_patches(scenes: Path, num_patches: int) -> NDArray[np.float32]:
    """Return the first of the recorded patches, (num_patches, 256, 256) in [0, 1]."""
    tiles = sorted((scenes / GROUP).glob("*.png"))
    per_tile = PATCHES_PER_SIDE**2
    chosen = np.random.default_rng(1).permutation(len(tiles) * per_tile)[:num_patches]
    # 8-bit linear amplitude to dB in [0, 1]; code 0, which no file has, would have no logarithm.
    level_db = 20 * np.log10(np.arange(256).clip(min=1) / 255)
    levels = np.clip((level_db - LOW_DB) / (HIGH_DB - LOW_DB), 0, 1).astype(np.float32)
    patches = []
    for number in chosen:
        row, column = divmod(number % per_tile, PATCHES_PER_SIDE)
        corner = column * PATCH_PX, row * PATCH_PX
        with Image.open(tiles[number // per_tile]) as tile:
            patch = tile.crop((*corner, corner[0] + PATCH_PX, corner[1] + PATCH_PX))
        patches.append(levels[np.asarray(patch)])
    return np.stack(patches)


def _row(codec: str, patches: NDArray[np.float32], ratio: int, expected_db: float) -> str:
    started_s = time.perf_counter()
    coded = [ENCODERS[codec](to_8_bit(patch), PATCH_PX**2 // ratio) for patch in patches]
    seconds = (time.perf_counter() - started_s) / len(patches)
    done = [(x, c) for x, c in zip(patches, coded, strict=True) if c is not None]
    scores = [score_image(x, c.decoded, LOW_DB, HIGH_DB) for x, c in done]
    bpp = 8 * np.mean([c.num_bytes for _, c in done]) / PATCH_PX**2
    return (
        f"| {codec} | {len(done)} of {len(patches)} | {ratio}x | {bpp:.3f} | "
        f"{np.mean([s.psnr_db for s in scores]):.2f} | {expected_db:.2f} | "
        f"{np.mean([s.ssim for s in scores]):.3f} | {seconds:.2f} |"
    )


if __name__ == "__main__":
    sys.exit(main())
