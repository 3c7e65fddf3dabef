"""How often stopping was wrong: what the audited trials of a study say.

An audited trial runs on where a rung would have stopped it. Stopping it would have been wrong if,
run to its end, it reaches the median score of the other trials that completed.
Beside it, per rung, Spearman's rank correlation between the value there and the final score over
all completed trials: near 1, an early comparison is a good judge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tune.outcomes import Outcome
from tune.statistics.wrong_stops import rank_correlation, wrong_stops
from tune.trial.record import TrialRecord


@dataclass(frozen=True)
class RungCorrelation:
    """How well a rung's ranking foretells the final one.

    Attributes:
        rung_epoch: Epoch of the rung.
        rank_correlation: Spearman's, in [-1, 1].
        num_trials: Completed trials that it was taken over.
    """

    rung_epoch: int
    rank_correlation: float
    num_trials: int


@dataclass(frozen=True)
class Audit:
    """What auditing found.

    Attributes:
        num_stopped: Trials that were stopped.
        num_audited: Trials that would have been stopped, ran on and completed.
        num_wrong: Those of them that stopping would have been wrong about.
        correlations: One per rung, where enough trials completed.
    """

    num_stopped: int
    num_audited: int
    num_wrong: int
    correlations: tuple[RungCorrelation, ...]

    @property
    def false_stop_rate(self) -> float | None:
        """Share of audited stops that would have been wrong; None without one."""
        return self.num_wrong / self.num_audited if self.num_audited else None

    @property
    def words(self) -> str:
        """What it says of stopping, in a sentence."""
        if self.num_audited:
            found = (
                f"{self.num_wrong} of {self.num_audited} audited stops would have been wrong "
                f"(rate {self.false_stop_rate:.2f})"
            )
        else:
            found = "no audited trial completed, so the rate of wrong stops is unknown"
        counts = {known.num_trials for known in self.correlations}
        ranks = ", ".join(
            f"{known.rank_correlation:+.2f} after {known.rung_epoch}"
            + (f" ({known.num_trials} trials)" if len(counts) > 1 else "")
            for known in self.correlations
        )
        if len(counts) == 1:  # said once
            ranks += f" ({counts.pop()} trials)"
        ranks = ranks and f"; rank correlation of an epoch with the end: {ranks}"
        return f"stopping: {self.num_stopped} stopped, {found}{ranks}"


def audit_stops(records: Sequence[TrialRecord]) -> Audit | None:
    """Return what the trials of a study say of its rungs; None where no rung judged any."""
    rung_epochs = sorted({known.rung_epoch for record in records for known in record.decisions})
    if not rung_epochs:
        return None
    completed = [record for record in records if record.outcome is Outcome.COMPLETED]
    audited = [record for record in completed if _is_audited(record)]
    stayed = [record.best_score for record in completed if not _is_audited(record)]
    wrong = wrong_stops([record.best_score for record in audited], stayed)
    return Audit(
        num_stopped=sum(record.outcome is Outcome.STOPPED for record in records),
        num_audited=len(audited),
        num_wrong=sum(wrong),
        correlations=tuple(
            found for epoch in rung_epochs if (found := _correlation(completed, epoch)) is not None
        ),
    )


def _is_audited(record: TrialRecord) -> bool:
    return any(known.audited for known in record.decisions)


def _correlation(completed: Sequence[TrialRecord], rung_epoch: int) -> RungCorrelation | None:
    reached = [record for record in completed if len(record.epochs) >= rung_epoch]
    early = [record.scores[rung_epoch - 1] for record in reached]
    final = [record.best_score for record in reached]
    found = rank_correlation(early, final)
    return None if found is None else RungCorrelation(rung_epoch, found, len(reached))
