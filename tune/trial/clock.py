"""Time as a study counts it: seconds that only grow, and dates that only label.

Durations, budgets and the order of events come from a monotonic clock that is summed up over all
sessions of a study, so a wall clock that jumps, or a laptop that slept, changes no number.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Moment:
    """When something happened.

    Attributes:
        at: Date and time in UTC, for people; it may jump.
        elapsed_s: Seconds of running time of the study, over all its sessions.
    """

    at: datetime
    elapsed_s: float


class StudyClock:
    """Runs while a study runs.

    Args:
        spent_s: Seconds that earlier sessions of the study took.
    """

    def __init__(self, spent_s: float = 0.0) -> None:
        self._zero_s = time.monotonic() - spent_s

    @property
    def elapsed_s(self) -> float:
        """Seconds of running time so far, earlier sessions included."""
        return time.monotonic() - self._zero_s

    def now(self) -> Moment:
        """Return this moment."""
        return Moment(datetime.now(UTC), self.elapsed_s)
