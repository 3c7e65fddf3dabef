"""What a study may still do: its budget of trials and time, and how fast its trials are."""

from tune.scheduling.pace import Pace
from tune.storage.history import Budget
from tune.storage.recorder import Recorder


class Allowance:
    """Says what a study may still begin, so that nothing ends after its time.

    Args:
        budget: How much the study may do, all its sessions together.
        recorder: What it has done.
    """

    def __init__(self, budget: Budget, recorder: Recorder) -> None:
        self._budget = budget
        self._recorder = recorder
        self._pace = Pace()

    @property
    def is_timed(self) -> bool:
        """Whether there is a time budget."""
        return self._budget.hours is not None

    @property
    def is_out_of_time(self) -> bool:
        """Whether the time budget is used up."""
        return self._budget.is_used_up(self._recorder.clock.elapsed_s)

    @property
    def is_full(self) -> bool:
        """Whether the study has all the trials that it may have."""
        return len(self._recorder.trials) >= self._budget.trials

    @property
    def left_s(self) -> float:
        """Seconds until the time budget ends; infinity without one."""
        return self._budget.left_s(self._recorder.clock.elapsed_s)

    @property
    def has_room(self) -> bool:
        """Whether another trial may be suggested, and is expected to end in time."""
        return not self.is_full and self._pace.fits_new_trial(
            self._recorder.trials.values(), self.left_s
        )

    def fits_rest(self, number: int) -> bool:
        """Return whether a trial that is continued now is expected to end in time."""
        records = self._recorder.trials
        return self._pace.fits_rest(records[number], records.values(), self.left_s)

    def fits_epoch(self, number: int) -> bool:
        """Return whether the next epoch of a running trial is expected to end in time."""
        records = self._recorder.trials
        return self._pace.fits_epoch(records[number], records.values(), self.left_s)
