"""After which epochs trials are compared, and the ledger of what was compared there.

Takes values as they come, gives one frozen decision per trial and rung; which value is good enough
is a cutoff's business (`tune.scheduling.cutoffs`). Knows neither Ray nor Optuna;
`tune.engine.adapters` puts it behind Ray's scheduler interface. Unlike in Ray's implementation of
ASHA, a trial is judged once per rung and never at a rung below one it passed.

A few trials are audited: chosen by their number before anything is known of them, they run on where
a rung would stop them, so that the tables can say how often stopping was wrong. From there on no
rung sees their values: later trials are judged as if they had been stopped.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from tune.scheduling.cutoffs import Cutoff
from tune.trial.record import RungDecision


def rung_epochs(grace_epochs: int, max_epochs: int, reduction_factor: int) -> tuple[int, ...]:
    """Return the epochs at which trials are compared: grace x factor^k, below the last epoch.

    Integer arithmetic throughout: a rung count taken from float logarithms loses rungs at exact
    powers (Ray gives 5 rungs instead of 6 for 243 epochs and factor 3).

    >>> rung_epochs(5, 20, 3)
    (5, 15)

    Raises:
        ValueError: If an argument is below its least value (1, 1 and 2).
    """
    if grace_epochs < 1 or max_epochs < 1 or reduction_factor < 2:
        raise ValueError(
            "rungs need grace_epochs >= 1, max_epochs >= 1 and reduction_factor >= 2, found "
            f"{grace_epochs}, {max_epochs} and {reduction_factor}: raise the one that is too small"
        )
    epochs = []
    epoch = grace_epochs
    while epoch < max_epochs:
        epochs.append(epoch)
        epoch *= reduction_factor
    return tuple(epochs)


def every_epoch(grace_epochs: int, max_epochs: int) -> tuple[int, ...]:
    """Return every epoch from the grace period on, below the last one.

    >>> every_epoch(2, 5)
    (2, 3, 4)
    """
    return tuple(range(grace_epochs, max_epochs))


def is_audited(seed: int, trial_number: int, share: float) -> bool:
    """Return whether a trial belongs to the audited share; depends on nothing else.

    >>> sum(is_audited(0, number, 0.05) for number in range(1000))
    53
    """
    draw = np.random.default_rng([seed, trial_number, _AUDIT_STREAM]).random()
    return bool(draw < share)


_AUDIT_STREAM = 0xA0D17
"""Keeps the draws of the audit apart from other draws with the same seed."""


@dataclass
class RungLedger:
    """The values recorded at every rung of one study.

    Attributes:
        epochs: The rung epochs, rising.
        cutoff: Says which value is good enough.
        audit_share: Share of trials that run on where they would be stopped.
        seed: Chooses them.
    """

    epochs: tuple[int, ...]
    cutoff: Cutoff
    audit_share: float = 0.0
    seed: int = 0
    _values: dict[int, list[float]] = field(default_factory=dict)
    _audited: set[int] = field(default_factory=set)

    def recall(self, decisions: Iterable[RungDecision]) -> None:
        """Add the decisions of earlier sessions, in any order."""
        for decision in sorted(decisions, key=lambda known: known.num_values):
            self._values.setdefault(decision.rung_epoch, []).append(decision.value)
            if decision.audited:
                self._audited.add(decision.trial_number)

    def judge(self, trial_number: int, epoch: int, value: float) -> RungDecision | None:
        """Record a trial's value if `epoch` is a rung and say whether the trial continues.

        Args:
            trial_number: The trial's number in its study.
            epoch: The epoch just finished, 1-based.
            value: Score by the study's objective; larger is better.

        Returns:
            The decision, or None where `epoch` is no rung and for a trial that runs on audited.

        Raises:
            ValueError: If the value is not finite; such a trial must have ended before.
        """
        if not math.isfinite(value):
            raise ValueError(f"a rung compares finite values, found {value} at epoch {epoch}")
        if epoch not in self.epochs or trial_number in self._audited:
            return None
        values = self._values.setdefault(epoch, [])
        values.append(value)
        cutoff = self.cutoff.value(values)
        is_good = cutoff is None or value >= cutoff
        audited = not is_good and is_audited(self.seed, trial_number, self.audit_share)
        if audited:
            self._audited.add(trial_number)
        return RungDecision(
            trial_number=trial_number,
            rung=self.epochs.index(epoch),
            rung_epoch=epoch,
            value=value,
            cutoff=cutoff,
            num_values=len(values),
            kept=is_good or audited,
            audited=audited,
        )
