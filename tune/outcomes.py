"""How a trial ends: exactly one of seven outcomes, each a different fact about the trial."""

from enum import StrEnum


class Outcome(StrEnum):
    """The single way in which a trial ended.

    "Stopped because worse" and "crashed" are different facts: crash rates count `is_crash` outcomes
    only, and the epochs that a crashed trial did finish keep their scores in every table.
    """

    COMPLETED = "completed"
    """Reached its last epoch, or early-stopped by its own patience."""

    STOPPED = "stopped"
    """Ended by a rung: worse than other trials at the same epoch."""

    DIVERGED = "diverged"
    """A loss, gradient or score became NaN or infinite."""

    OUT_OF_MEMORY = "out_of_memory"
    """An allocation failed while it ran."""

    REJECTED = "rejected"
    """Predicted not to fit; never started."""

    FAILED = "failed"
    """An exception or a dead worker, told by the reason."""

    INTERRUPTED = "interrupted"
    """The search was ended while it ran."""

    @property
    def is_crash(self) -> bool:
        """Whether crash rates count it: FAILED, DIVERGED and OUT_OF_MEMORY, never STOPPED."""
        return self in {Outcome.FAILED, Outcome.DIVERGED, Outcome.OUT_OF_MEMORY}
