"""The records of a study that is kept nowhere: same interface, no file.

A replay runs thousands of studies in simulated time; Optuna's trials live in memory, and the facts
that only matter after a crash are not noted.
"""

from pathlib import Path

import optuna

from models.training.epoch_result import EpochResult
from tune.storage.folder import StudyFolder
from tune.storage.history import Ending
from tune.storage.journal import StudyJournal, silence_optuna
from tune.storage.recorder import Recorder
from tune.trial.clock import Moment, StudyClock
from tune.trial.record import RungDecision
from tune.trial.spec import StudyFacts, TrialSpec


class MemoryJournal(StudyJournal):
    """A journal for one process: the sampler's trials, and nothing to resume from."""

    def __init__(self) -> None:
        silence_optuna()
        self.study = optuna.create_study(direction="maximize")
        self.storage = self.study._storage

    def begin_trial(self, spec: TrialSpec, moment: Moment) -> None:
        """Note nothing."""

    def start_trial(self, number: int, moment: Moment) -> None:
        """Note nothing."""

    def add_epoch(self, number: int, result: EpochResult, moment: Moment) -> None:
        """Note nothing."""

    def add_decision(self, decision: RungDecision) -> None:
        """Note nothing."""

    def add_failure(self, number: int, count: int, reason: str) -> None:
        """Note nothing."""

    def end_trial(self, number: int, ending: Ending) -> None:
        """Note nothing."""


class MemoryRecorder(Recorder):
    """Keeps the records of the trials, and writes no tables.

    Args:
        clock: The study's time.
    """

    def __init__(self, clock: StudyClock) -> None:
        super().__init__(StudyFolder(Path("nowhere")), _NO_FACTS, MemoryJournal(), clock)

    def flush(self) -> None:
        """Write nothing."""


_NO_FACTS = StudyFacts(
    is_synthetic=True,
    corpus="",
    corpus_fingerprint="",
    split_fingerprint="",
    mode="quick",
    val_images=0,
)
