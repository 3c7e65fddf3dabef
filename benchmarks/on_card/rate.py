"""Stage 8: the longest training that fits, and what its real bytes are worth.

The model is the usual network of a search at 16x; it trains and computes on the card. Bytes are
made on the CPU, as in a promotion.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import rate
from benchmarks.on_card.context import Context
from benchmarks.on_card.models import trial_model
from benchmarks.on_card.rows import Row
from data.dataset import Corpus
from models.registry import ModelConfig

CLAIM = "above JPEG2000 at equal bytes"
ARCH, BASE_CHANNELS = "baseline", 64
EFFORT = rate.Effort(
    steps=200, device="cuda", num_test=16, crop_px=128, ratios_of_curves=(8, 12, 16, 24, 32)
)
TINY = rate.Effort(steps=4, num_test=2, crop_px=32, ratios_of_curves=(8, 16, 32))
SHARE_OF_TRAINING = 0.6
"""Of the time; the rest is for bytes, of the network and of the codecs."""


def measure(context: Context) -> Iterator[Row]:
    """Yield the points of the longest training that fits."""
    corpus = Corpus.open(Path(context.data))
    model = trial_model(ARCH, 4 if context.is_rehearsal else BASE_CHANNELS)
    first = TINY if context.is_rehearsal else EFFORT
    for codec in rate.CODECS:
        yield from _codec_rows(codec, rate.curve(corpus.path, codec, *first.of_curves))
    trial_s = _timed(corpus, model, first)
    budget_s = SHARE_OF_TRAINING * context.remaining_s
    steps = int(first.steps * max(1.0, 0.0 if context.is_rehearsal else budget_s / trial_s))
    effort = replace(first, steps=steps)
    for point in rate.measure(corpus, model, 0, effort):
        figures = {
            "model": f"{model.arch}{model.base_channels} {model.ratio}x",
            "steps": steps,
            "px": effort.crop_px,
            "step scale": point.step_scale,
            "bit/px": point.rate_bpp,
            "estimated": point.estimate_bpp,
            "PSNR dB": point.psnr_db,
            "over JPEG2000 dB": point.over_jpeg2000_db,
            "over HEVC intra dB": point.over_hevc_intra_db,
        }
        over_db = point.over_jpeg2000_db
        holds = over_db > 0 if math.isfinite(over_db) else None
        yield Row(f"Real bytes of {effort.num_test} test patches", figures, CLAIM, holds)


def _codec_rows(codec: str, curve: NDArray[np.float64]) -> Iterator[Row]:
    for rate_bpp, score_db in curve:
        figures = {"codec": codec, "bit/px": float(rate_bpp), "PSNR dB": float(score_db)}
        yield Row("Codecs on the same patches", figures)


def _timed(corpus: Corpus, model: ModelConfig, effort: rate.Effort) -> float:
    """Return the seconds of a training, the second of two: the first sets up."""
    rate.train(corpus, model, 0, replace(effort, steps=max(1, effort.steps // 4)))
    started_s = time.time()
    rate.train(corpus, model, 0, effort)
    return time.time() - started_s
