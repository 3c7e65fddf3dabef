"""The one training loop: a trial continues where its files leave it, one epoch after another.

A search's worker and `tune.train` both run it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from models.training.epoch_result import EpochResult
from models.training.loop import train_epochs
from tune.trial.checkpoints import TrialCheckpoints
from tune.trial.session import open_session
from tune.trial.spec import TrialSpec


@dataclass(frozen=True)
class Report:
    """A finished epoch of a trial.

    Attributes:
        result: What it came to.
        notes: What a person should know of it, one sentence each: checkpoints that could not be
            read, or written.
    """

    result: EpochResult
    notes: tuple[str, ...] = ()


def run_trial(spec: TrialSpec) -> Iterator[Report]:
    """Train a trial to its end; yield every epoch that its study has not recorded yet.

    Epochs that a trial had finished when its study died come first, from its checkpoint; they are
    not trained again. Nothing is opened before the first report is asked for.

    Raises:
        DataError: If the corpus cannot be read or has no patches for the asked split.
        UsageError: If the corpus is not the one that the study was planned on.
        ModelError: If the model cannot be built or the crop does not suit it.
        NonFiniteError: If the training diverges.
    """
    session = open_session(spec)
    checkpoints = TrialCheckpoints(spec)
    notes = tuple(checkpoints.restore(session))
    for result in checkpoints.results[spec.known_epochs :]:
        yield Report(result, notes)
        notes = ()
    for result in train_epochs(session):
        no_space = checkpoints.save(session, result)
        yield Report(result, notes if no_space is None else (*notes, no_space))
        notes = ()
