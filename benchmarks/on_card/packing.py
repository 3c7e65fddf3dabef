"""Stage 5: trials per hour with 1, 2, 4 and 8 trials side by side, through the search itself.

What is reserved follows from predictions, as for people; only the number side by side is set.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.on_card.context import Context
from benchmarks.on_card.rows import Row
from benchmarks.on_card.searches import (
    EQUAL_TRIALS,
    Search,
    most_reserved,
    outcomes,
    run_search,
)

SAFE = "reservations never add up to more than the card, and no trial runs out of memory"
GAIN = "trials side by side make at least 2.5 times the trials per hour of one"
MIN_GAIN = 2.5


@dataclass(frozen=True)
class Night:
    """One search.

    Attributes:
        base_channels: Width of its trials.
        crop_px: Side of their crops.
        side_by_side: Most trials at a time.
        mps: Whether NVIDIA's multi-process service runs.
    """

    base_channels: int
    crop_px: int
    side_by_side: int
    mps: bool = False

    @property
    def name(self) -> str:
        """Of its study."""
        service = "_mps" if self.mps else ""
        return f"base{self.base_channels}_{self.crop_px}px_{self.side_by_side}{service}"


SHARED = ((8, False), (8, True), (4, False), (4, True), (2, False), (2, True))
"""Numbers side by side, without and with the service, the most telling ones first."""

SIZES = ((16, 64), (32, 128), (32, 64), (16, 128))
EPOCHS = 6


def measure(context: Context) -> Iterator[Row]:
    """Yield a row per search, then what sharing brought each size at best."""
    found: list[tuple[Night, float]] = []
    longest_s = 0.0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as results:
        for night in nights(rehearsal=context.is_rehearsal):
            if context.remaining_s < 1.2 * longest_s:
                break
            search = _search(context, Path(results), night)
            longest_s = max(longest_s, search.wall_s)
            rate = epochs_per_hour(search.epochs, night.side_by_side) / _epochs(context)
            alone = next((other for n, other in found if _is_alone(n, night)), None)
            found.append((night, rate))
            yield _row(night, search.trials, rate, alone)
    yield from gains(found)


def nights(*, rehearsal: bool) -> Sequence[Night]:
    """Return all searches: two sizes first, one trial at a time and the most side by side."""
    if rehearsal:
        return [Night(4, 32, 1), Night(4, 32, 2)]
    alone = [Night(*size, 1) for size in SIZES]
    found = []
    for first, second in ((0, 1), (2, 3)):
        found += [alone[first], alone[second]]
        for side_by_side, mps in SHARED:
            found += [Night(*SIZES[at], side_by_side, mps) for at in (first, second)]
    return found


def gains(found: Sequence[tuple[Night, float]]) -> Iterator[Row]:
    """Yield, per size, the most that sharing brought."""
    for night, alone in found:
        if night.side_by_side > 1:
            continue
        others = [(rate / alone, n) for n, rate in found if _is_alone(night, n) and n != night]
        if not others:
            continue
        gain, best = max(others, key=lambda pair: pair[0])
        figures = {
            "model": f"baseline{night.base_channels}",
            "px": night.crop_px,
            "best side by side": best.side_by_side,
            "MPS": "yes" if best.mps else "no",
            "trials per hour, of one at a time": gain,
        }
        yield Row("What sharing the card brings", figures, GAIN, gain >= MIN_GAIN)


def epochs_per_hour(epochs: pd.DataFrame, side_by_side: int) -> float:
    """Return the rate of epochs once every worker has reported one: what starts once is left out.

    >>> at = pd.to_datetime(["2026-01-01 00:10", "2026-01-01 00:20", "2026-01-01 00:40"])
    >>> epochs_per_hour(pd.DataFrame({"recorded_at": at}), side_by_side=1)
    4.0
    """
    at = epochs["recorded_at"].sort_values()
    span_s = (at.iloc[-1] - at.iloc[side_by_side - 1]).total_seconds()
    return 3600 * (len(at) - side_by_side) / span_s


def _search(context: Context, results: Path, night: Night) -> Search:
    flags = [
        "--arch", "baseline", "--ratio", "16", *EQUAL_TRIALS,
        "--base-channels", str(night.base_channels), "--crop-px", str(night.crop_px),
        "--batch-size", "16", "--warmup-epochs", "0", "--precision", "bf16",
        "--epochs", str(_epochs(context)),
        "--data-fraction", "0.05" if context.is_rehearsal else "1", "--val-images", "64",
        "--trials", str(2 * night.side_by_side), "--max-concurrent", str(night.side_by_side),
        *(["--mps"] if night.mps else []),
    ]  # fmt: skip
    return run_search(context, results, night.name, flags)


def _epochs(context: Context) -> int:
    return 1 if context.is_rehearsal else EPOCHS


def _row(night: Night, trials: pd.DataFrame, rate: float, alone: float | None) -> Row:
    reserved = most_reserved(trials)
    figures = {
        "model": f"baseline{night.base_channels}",
        "px": night.crop_px,
        "side by side": night.side_by_side,
        "MPS": "yes" if night.mps else "no",
        "trials per hour": rate,
        "of one at a time": None if alone is None else rate / alone,
        "most reserved": reserved,
        "predicted MiB": float(trials["predicted_peak_mib"].max()),
        "measured MiB": float(trials["measured_peak_mib"].max()),
        "outcomes": outcomes(trials),
    }
    is_safe = reserved <= 1.0 and "out_of_memory" not in set(trials["outcome"])
    return Row("Searches", figures, SAFE, is_safe)


def _is_alone(one: Night, other: Night) -> bool:
    """Whether the first is what the second, of the same size, is compared with."""
    same = (one.base_channels, one.crop_px) == (other.base_channels, other.crop_px)
    return same and one.side_by_side == 1
