"""The one training loop: a trial continues where its files leave it, one epoch after another.

A search's worker and `tune.train` both run it.
"""

from collections.abc import Callable, Iterator

from models.training.epoch_result import EpochResult
from models.training.loop import train_epochs
from tune.trial.checkpoints import CheckpointStore, TrialCheckpoints
from tune.trial.session import open_session
from tune.trial.spec import TrialSpec


def run_trial(
    spec: TrialSpec, say: Callable[[str], None], store: CheckpointStore | None = None
) -> Iterator[EpochResult]:
    """Train a trial to its end; yield every epoch that its study has not recorded yet.

    Epochs that a trial had finished when its study died come first, from its checkpoint; they are
    not trained again. Nothing is opened before the first epoch is asked for.

    Args:
        spec: The trial.
        say: Takes what a person should know, in sentences: checkpoints that could not be read, or
            written.
        store: Keeps it between epochs; its own files if None.

    Raises:
        DataError: If the corpus cannot be read or has no patches for the asked split.
        UsageError: If the corpus is not the one that the study was planned on.
        ModelError: If the model cannot be built or the crop does not suit it.
        NonFiniteError: If the training diverges.
        LeaseLostError: If a newer attempt at the trial has begun: this one is nobody's any more.
    """
    session = open_session(spec)
    checkpoints = TrialCheckpoints(spec) if store is None else store
    for note in checkpoints.restore(session):
        say(note)
    yield from checkpoints.results[spec.known_epochs :]
    for result in train_epochs(session):
        no_space = checkpoints.save(session, result)
        if no_space is not None:
            say(no_space)
        yield result
        checkpoints.check()
