"""Notices trials that hang: no epoch for far longer than an epoch takes.

A trial is measured against its own epochs once it has some, because widths differ tenfold in cost,
and against those of the study before. Until anybody has finished an epoch nobody hangs.
"""

import statistics
from collections.abc import Callable, Iterable

from tune.trial.record import TrialRecord

FACTOR = 20
"""Epochs' times of silence before a trial counts as hanging."""

FLOOR_S = 300.0
"""Silence that is always allowed: starting a worker and opening a corpus take time of their own."""


class Watchdog:
    """Keeps the time since every running trial last reported.

    Args:
        now_s: A monotonic clock in seconds.
        factor: Silence allowed, in median epoch times.
        floor_s: Silence always allowed, in seconds.
    """

    def __init__(
        self, now_s: Callable[[], float], factor: float = FACTOR, floor_s: float = FLOOR_S
    ) -> None:
        self._now_s = now_s
        self._factor = factor
        self._floor_s = floor_s
        self._reported_s: dict[int, float] = {}

    def restart(self, number: int) -> None:
        """Note a sign of life of a trial: a worker started it, or it finished an epoch."""
        self._reported_s[number] = self._now_s()

    def forget(self, number: int) -> None:
        """Stop watching a trial."""
        self._reported_s.pop(number, None)

    def overdue(self, records: Iterable[TrialRecord]) -> dict[int, str]:
        """Return the trials that hang, with the reason in words."""
        if not self._reported_s:
            return {}
        records = list(records)
        watched = {record.spec.number: record for record in records if record.outcome is None}
        now_s = self._now_s()
        silences_s = {n: now_s - self._reported_s[n] for n in watched if n in self._reported_s}
        if max(silences_s.values(), default=0.0) <= self._floor_s:
            return {}  # spares the medians: asked ten times a second
        study_epoch_s = _median_epoch_s(records)
        hanging = {}
        for number, silence_s in silences_s.items():
            epoch_s = _median_epoch_s([watched[number]]) or study_epoch_s
            if epoch_s is not None and silence_s > max(self._floor_s, self._factor * epoch_s):
                hanging[number] = (
                    f"the worker hung: no epoch for {silence_s:.0f} s, the median takes "
                    f"{epoch_s:.1f} s"
                )
        return hanging


def _median_epoch_s(records: Iterable[TrialRecord]) -> float | None:
    seconds = [epoch.train_s + epoch.val_s for record in records for epoch in record.epochs]
    return statistics.median(seconds) if seconds else None
