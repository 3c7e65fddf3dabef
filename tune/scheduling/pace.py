"""How long trials take in a study with a deadline, judged on the slow side: what still fits?

Only the study's own epochs are asked, and only the latest of each width, so that a machine that
another process slows for a while is noticed, and forgotten again.
"""

import heapq
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tune.trial.record import TrialRecord

CLOSING_S = 6.0
"""Seconds that a study needs after its last epoch: it ends its workers and writes its tables."""

LATEST = 12
"""Epochs of a width that its pace is judged by."""

SLOW_SHARE = 0.9
"""Share of the epochs that take no longer than the pace says."""


@dataclass(frozen=True)
class Pace:
    """Says whether a trial, or an epoch, ends before the deadline.

    Attributes:
        closing_s: Seconds that the study needs after its last epoch.
    """

    closing_s: float = CLOSING_S

    def fits_new_trial(self, records: Collection[TrialRecord], left_s: float) -> bool:
        """Return whether a trial that is started now is expected to reach its last epoch.

        Nobody knows its width before it is suggested: the slowest known one counts. While no epoch
        is known, it fits if any time is left.

        Args:
            records: The trials so far.
            left_s: Seconds until the deadline; infinity without one.
        """
        if math.isinf(left_s):
            return True
        widths: dict[int, list[TrialRecord]] = {}
        for record in records:
            widths.setdefault(_width(record), []).append(record)
        needed_s = max((_rest_s(one[0], 0, one) for one in widths.values()), default=0.0)
        return left_s - self.closing_s > needed_s

    def fits_rest(self, record: TrialRecord, records: Iterable[TrialRecord], left_s: float) -> bool:
        """Return whether a trial that is continued now is expected to reach its last epoch."""
        if math.isinf(left_s):
            return True
        needed_s = _rest_s(record, len(record.epochs), _as_wide(record, records))
        return left_s - self.closing_s > needed_s

    def fits_epoch(
        self, record: TrialRecord, records: Iterable[TrialRecord], left_s: float
    ) -> bool:
        """Return whether the next epoch of a running trial is expected to end in time."""
        if math.isinf(left_s):
            return True
        return left_s - self.closing_s > _later_s(_as_wide(record, records))


def _as_wide(record: TrialRecord, records: Iterable[TrialRecord]) -> list[TrialRecord]:
    return [one for one in records if _width(one) == _width(record)]


def _width(record: TrialRecord) -> int:
    return record.spec.model.base_channels


def _rest_s(record: TrialRecord, num_done: int, as_wide: Sequence[TrialRecord]) -> float:
    """Return the seconds from the start of a trial's worker, after so many epochs, to its end."""
    num_later = record.spec.train.epochs - num_done - 1
    return _first_s(as_wide) + num_later * _later_s(as_wide)


def _first_s(records: Sequence[TrialRecord]) -> float:
    """Return the seconds of a first epoch, the start of the worker included; 0 if none is known."""
    found = [
        (one.reported[0].elapsed_s, one.reported[0].elapsed_s - one.started.elapsed_s)
        for one in records
        if one.started is not None and one.reported
    ]
    return _slow(found)


def _later_s(records: Sequence[TrialRecord]) -> float:
    """Return the seconds of an epoch that is not a trial's first; of a first one if none is."""
    found = [
        (now.elapsed_s, now.elapsed_s - before.elapsed_s)
        for one in records
        for before, now in pairwise(one.reported)
    ]
    return _slow(found) if found else _first_s(records)


def _slow(ends_and_lengths_s: Iterable[tuple[float, float]]) -> float:
    """Return what most of the latest lengths do not exceed; 0 of none."""
    latest = sorted(length for _, length in heapq.nlargest(LATEST, ends_and_lengths_s))
    return latest[int(SLOW_SHARE * (len(latest) - 1) + 0.5)] if latest else 0.0
