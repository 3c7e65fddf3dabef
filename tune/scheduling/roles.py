"""Those that a conductor works with: who suggests, who stops, who shows what happens."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from tune.outcomes import Outcome
from tune.space.points import Suggestion
from tune.storage.history import TrialHistory
from tune.trial.record import RungDecision, TrialRecord


class Suggests(Protocol):
    """Says what is tried next: a sampler (`tune.scheduling.sampler`) or a promotion's runs."""

    @property
    def is_exhausted(self) -> bool:
        """Whether there is nothing to suggest now; the end of a running trial may change that."""
        ...

    def suggest(self) -> Suggestion | None:
        """Return the next trial to run; None if there is none now."""
        ...

    def recall(self, history: TrialHistory) -> Suggestion:
        """Return the suggestion of an earlier session."""
        ...

    def report(self, number: int, outcome: Outcome, scores: Sequence[float]) -> None:
        """Take the report of how a trial ended, with the scores of its finished epochs."""
        ...


class Watches(Protocol):
    """Shows a person what happens in a study."""

    def begin(self, records: Iterable[TrialRecord]) -> None:
        """Begin a session, with the trials of earlier ones."""
        ...

    def update(self, records: Iterable[TrialRecord]) -> None:
        """Show that an epoch was finished."""
        ...

    def show_start(self, record: TrialRecord, records: Iterable[TrialRecord]) -> None:
        """Show that a worker has a trial, for the first time or to continue it."""
        ...

    def show_end(self, record: TrialRecord, records: Iterable[TrialRecord]) -> None:
        """Show that a trial ended."""
        ...

    def say(self, sentence: str) -> None:
        """Show a sentence about something that went wrong."""
        ...


class Stops(Protocol):
    """Says who is stopped: rungs (`tune.scheduling.rungs`), or another rule."""

    def recall(self, decisions: Iterable[RungDecision]) -> None:
        """Take the decisions of earlier sessions, in any order."""
        ...

    def judge(self, trial_number: int, epoch: int, value: float) -> RungDecision | None:
        """Return what is decided about a trial that finished an epoch; None if nothing is."""
        ...
