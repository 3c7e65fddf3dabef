"""Rate-distortion curves as the benchmark files of CompressAI, one per architecture or codec.

The format is what its `compressai.utils.eval_model` prints and its `compressai.utils.plot` reads,
in release 1.2.8: a name, a description, and lists of equal length over the rates. Its readers know
PSNR and MS-SSIM by the keys of colour images only, `psnr-rgb` and `ms-ssim-rgb`; here they are of
one channel in [0, 1], and the description says so. Times of coding are in no table and left out.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from analysis.exports.own_files import write_own
from analysis.exports.shapes import Export
from analysis.frames import Frames
from analysis.page.palette import style_of
from analysis.rates.curves import RatePanel, compute_rate_distortion
from analysis.rates.points import ARCHITECTURES, RateCurve, RatePoint

FOLDER = "compressai"
_META = {"source": "sar-tune"}
"""In every file; where its own files have it, CompressAI names a paper there."""


@dataclass(frozen=True)
class BenchmarkFile:
    """One curve.

    Attributes:
        footing: Name of the folder: only curves of one folder compare.
        codec: Name of the file without its ending.
        content: What the file holds.
    """

    footing: str
    codec: str
    content: dict[str, Any]


def export_benchmark(frames: Frames) -> Export:
    """Return the curves of all footings, to be written as compressai/FOOTING/CODEC.json."""
    files = compute_benchmark(frames)

    def write(out: Path) -> str:
        named = {f"{FOLDER}/{one.footing}/{one.codec}.json": partial(_write, one) for one in files}
        write_own(out, {FOLDER: named}, adopts=True)
        return f"{len(files)} curves in {out / FOLDER}, a folder per footing"

    return Export(len(files), "test scores of a promotion at real bytes", write)


def compute_benchmark(frames: Frames) -> tuple[BenchmarkFile, ...]:
    """Return a file for each curve that has a point with real bytes."""
    return tuple(
        BenchmarkFile(_footing_name(panel), quote(curve.name), _content(panel, curve, points))
        for panel in compute_rate_distortion(frames).panels
        for curve in panel.curves
        if (points := points_of(curve))
    )


def points_of(curve: RateCurve) -> tuple[RatePoint, ...]:
    """Return the points of a file: those that were trained for their rate, else the front."""
    return curve.trained or curve.front


def _content(panel: RatePanel, curve: RateCurve, points: Sequence[RatePoint]) -> dict[str, Any]:
    results = {
        "psnr-rgb": [point.psnr_db.mean for point in points],
        "ms-ssim-rgb": [point.ms_ssim for point in points],
        "bpp": [point.rate_bpp for point in points],
    }
    mark = " (SYNTHETIC)" if panel.footing.is_synthetic else ""
    return {
        "name": f"{style_of(curve.name).label}{mark}",
        "description": _description(panel, curve, points),
        "meta": _META,
        # MS-SSIM is missing where images are too small for it.
        "results": {
            key: values for key, values in results.items() if all(map(math.isfinite, values))
        },
    }


def _description(panel: RatePanel, curve: RateCurve, points: Sequence[RatePoint]) -> str:
    what, images = "classical codec", f"{panel.num_images} test images"
    if curve.kind in ARCHITECTURES:
        what = "best candidate of each promotion" + ", a model per rate" * bool(curve.trained)
        images += f" and {_range_words([point.num_seeds for point in points])}"
    return (
        f"{what}, real bytes, means over {images}; {panel.footing.words}; PSNR and MS-SSIM are of "
        "one channel in [0, 1]"
    )


def _range_words(num_seeds: Sequence[int]) -> str:
    low, high = min(num_seeds), max(num_seeds)
    return f"{low} to {high} seeds" if low < high else f"{high} seed{'s' * (high > 1)}"


def _footing_name(panel: RatePanel) -> str:
    """Return a name that can be a folder's and differs wherever footings do."""
    footing = panel.footing
    words = (
        footing.corpus,
        footing.corpus_fingerprint[:8],
        footing.group,
        footing.polarisation,
        f"{footing.crop_px}px",
        panel.rate,
    )
    return quote("_".join(words), safe=" ()")


def _write(file: BenchmarkFile, path: Path) -> None:
    text = json.dumps(file.content, indent=2, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8")
