"""What a stage is told: where it measures, on what, and how long it may take."""

import time
from dataclasses import dataclass

REHEARSED_S = 0.02


@dataclass(frozen=True)
class Context:
    """What a stage is told.

    Attributes:
        device: "cuda", or "cpu" in a rehearsal.
        data: Folder of the corpus.
        limit_s: Wall seconds until the stage is ended from outside.
        begun_s: `time.time()` when the limit began to run.
    """

    device: str
    data: str
    limit_s: float
    begun_s: float

    @property
    def is_rehearsal(self) -> bool:
        """Whether sizes are tiny and figures mean nothing."""
        return self.device == "cpu"

    @property
    def remaining_s(self) -> float:
        """Seconds that are left to measure in."""
        return self.begun_s + self.limit_s - time.time()

    def budget_s(self, share: float) -> float:
        """Return a share of the limit to time one thing in; hardly anything in a rehearsal."""
        return REHEARSED_S if self.is_rehearsal else share * self.limit_s
