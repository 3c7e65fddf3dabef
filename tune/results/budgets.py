"""How far a study is, and how much it may still do: trials, and hours or a moment of the clock."""

from dataclasses import dataclass, replace

from tune.config.search import SearchConfig
from tune.config.until import seconds_until
from tune.errors import UsageError
from tune.storage.folder import StudyFolder
from tune.storage.history import Budget
from tune.storage.lock import read_owner


@dataclass(frozen=True)
class More:
    """What a finished study may do beyond its budget."""

    trials: int = 0
    hours: float = 0.0

    @property
    def is_asked(self) -> bool:
        """Whether anything more is asked for."""
        return self.trials > 0 or self.hours > 0


@dataclass(frozen=True)
class Standing:
    """How far a study is.

    Attributes:
        folder: The study.
        num_over: Trials that ended for good.
        num_open: Trials that can be resumed.
        elapsed_s: Its running time so far.
        budget: How much it may do; None if its first session died before that was written.
        has_died: Whether its last session died, so that its tables may lack the end.
    """

    folder: StudyFolder
    num_over: int
    num_open: int
    elapsed_s: float
    budget: Budget | None
    has_died: bool = False

    def is_finished(self, budget: Budget) -> bool:
        """Whether nothing is left to do within a budget, not even to write the tables."""
        if self.has_died:
            return False
        return budget.is_used_up(self.elapsed_s) or (
            self.num_open == 0 and self.num_over >= budget.trials
        )


def new_budget(config: SearchConfig) -> Budget:
    """Return the budget of a new study.

    Raises:
        UsageError: If it is to end in the past.
    """
    if config.until is None:
        return Budget(config.trials, config.hours)
    left_s = seconds_until(config.until)
    if left_s <= 0:
        raise UsageError(
            f"until must lie ahead, found {config.until} which has passed: name a later moment"
        )
    return Budget(config.trials, left_s / 3600)


def extended(config: SearchConfig, standing: Standing, more: More, *, is_named: bool) -> Budget:
    """Return the budget of a study that is resumed.

    The study keeps the larger of the hours that it had and those that are asked for now; a limit
    stays in every later session, that of more hours for a study without one too. A moment of the
    clock stands in the place of hours. It reopens a study that has filled its time only if that is
    named: the same command on the next evening begins anew.
    """
    before = standing.budget or new_budget(config)
    used_hours = standing.elapsed_s / 3600
    hours = max(
        (limit for limit in (config.hours, before.hours) if limit is not None), default=None
    )
    if more.hours:
        is_from_now = hours is None or (config.until is not None and hours > used_hours)
        hours = (used_hours if is_from_now or hours is None else hours) + more.hours
    elif config.until is not None and (is_named or not before.is_used_up(standing.elapsed_s)):
        hours = used_hours + max(0.0, seconds_until(config.until)) / 3600
    return replace(before, trials=before.trials + more.trials, hours=hours)


def read_standing(folder: StudyFolder) -> Standing:
    """Return how far a study is.

    Raises:
        UsageError: If its journal cannot be read.
    """
    from tune.storage.journal import StudyJournal  # loads Optuna, which a plan does not need

    if not StudyJournal.has_begun(folder.journal):  # its first session died at the very beginning
        return Standing(folder, 0, 0, 0.0, None)
    journal = StudyJournal.open(folder.journal)
    trials = journal.trials()
    num_over = sum(trial.has_ended for trial in trials)
    has_died = read_owner(folder.lock) is not None
    return Standing(
        folder, num_over, len(trials) - num_over, journal.elapsed_s, journal.budget, has_died
    )
