"""Stage 5: trials per hour with 1, 2, 4 and 8 trials side by side, through the search itself.

What is reserved follows from predictions, as in any search; only the number side by side is set.
Trials are in bf16 in the ordinary memory layout, which is what `--precision bf16` means.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from benchmarks.on_card.context import Context
from benchmarks.on_card.rows import Figures, Row
from benchmarks.on_card.searches import (
    EQUAL_TRIALS,
    Search,
    most_reserved,
    outcomes,
    run_search,
)

SAFE = "reservations never add up to more than the card, and every trial is completed"
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

    @property
    def figures(self) -> Figures:
        """What names it in a table."""
        return {
            "model": f"baseline{self.base_channels}",
            "px": self.crop_px,
            "side by side": self.side_by_side,
            "MPS": "yes" if self.mps else "no",
        }


SHARED = ((8, False), (8, True), (4, False), (4, True), (2, False), (2, True))
"""Numbers side by side, without and with the service, the most telling ones first."""

SIZES = ((16, 64), (32, 128), (32, 64), (16, 128))
EPOCHS = 6
BATCH_SIZE = 16
ROUNDS = 3
"""Trials for each worker: the rate is that of the middle, when all of them have one."""

MPS_RUNS = "the card is shared by NVIDIA's multi-process service"
"""What a search says where the service has started."""


def measure(context: Context) -> Iterator[Row]:
    """Yield a row per search, then what sharing brought each size at best."""
    found: list[tuple[Night, float]] = []
    longest_s, has_mps = 0.0, True
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as results:
        for night in nights(rehearsal=context.is_rehearsal):
            if context.remaining_s < 1.2 * longest_s:
                break
            if night.mps and not has_mps:
                continue
            try:
                search = _search(context, Path(results), night)
                has_mps = has_mps and (not night.mps or MPS_RUNS in search.said)
                rate = epochs_per_hour(search.trials, search.epochs, night.side_by_side)
            except (RuntimeError, KeyError, IndexError, ValueError) as error:  # this night's alone
                yield Row("Searches", {**night.figures, "note": str(error)[:120]}, SAFE, False)
                continue
            longest_s = max(longest_s, search.wall_s)
            if night.mps and not has_mps:
                yield Row("Searches", {**night.figures, "note": "the service did not start"})
                continue
            rate /= _epochs(context)
            alone = next((other for n, other in found if _is_alone(n, night)), None)
            found.append((night, rate))
            yield _row(night, search, rate, alone)
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


def epochs_per_hour(trials: pd.DataFrame, epochs: pd.DataFrame, side_by_side: int) -> float:
    """Return the rate of epochs while every worker has a trial and has begun.

    That is from when each of the first trials has reported an epoch until the first worker finds
    no further trial: what starts once, and what is left over at the end, is not in it.
    """
    first = trials.sort_values("started_at")["trial"].iloc[:side_by_side]
    of_first = epochs[(epochs["epoch"] == 1) & epochs["trial"].isin(first)]
    begun = of_first["recorded_at"].max()
    over = trials["ended_at"].sort_values().iloc[len(trials) - side_by_side]
    inside = epochs["recorded_at"].between(begun, over, inclusive="right").sum()
    return 3600 * float(inside) / (over - begun).total_seconds()


def _search(context: Context, results: Path, night: Night) -> Search:
    flags = [
        "--arch", "baseline", "--ratio", "16", *EQUAL_TRIALS,
        "--base-channels", str(night.base_channels), "--crop-px", str(night.crop_px),
        "--batch-size", str(BATCH_SIZE), "--warmup-epochs", "0", "--precision", "bf16",
        "--epochs", str(_epochs(context)),
        "--data-fraction", "0.05" if context.is_rehearsal else "1", "--val-images", "16",
        "--trials", str(ROUNDS * night.side_by_side), "--max-concurrent", str(night.side_by_side),
        *(["--mps"] if night.mps else []),
    ]  # fmt: skip
    return run_search(context, results, night.name, flags)


def _epochs(context: Context) -> int:
    return 2 if context.is_rehearsal else EPOCHS


def _row(night: Night, search: Search, rate: float, alone: float | None) -> Row:
    trials, epochs = search.trials, search.epochs
    reserved = most_reserved(trials)
    figures = {
        **night.figures,
        "trials per hour": rate,
        "of one at a time": None if alone is None else rate / alone,
        "steps per epoch": int(epochs["num_samples"].max()) // BATCH_SIZE,
        "s per epoch": float((epochs["train_s"] + epochs["val_s"]).median()),
        "most reserved": reserved,
        "predicted MiB": float(trials["predicted_peak_mib"].max()),
        "measured MiB": float(trials["measured_peak_mib"].max()),
        "outcomes": outcomes(trials),
    }
    is_safe = reserved <= 1.0 and set(trials["outcome"]) == {"completed"}
    return Row("Searches", figures, SAFE, is_safe)


def _is_alone(one: Night, other: Night) -> bool:
    """Whether the first is what the second, of the same size, is compared with."""
    same = (one.base_channels, one.crop_px) == (other.base_channels, other.crop_px)
    return same and one.side_by_side == 1
