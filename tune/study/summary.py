"""What a study found, as values first and as text for a terminal second.

Pure functions make a `StudySummary` of the records; `draw_summary` prints it. Nothing here decides
which of two close configurations is better: one training seed each cannot (promotion can).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tune.outcomes import Outcome
from tune.scheduling.audit import Audit, audit_stops
from tune.space.dimension import Dimension
from tune.space.edges import find_edge
from tune.trial.record import TrialRecord


@dataclass(frozen=True)
class StudySummary:
    """What a study found.

    Attributes:
        ranked: Trials with a score, best first.
        hand_set: The trial with the hand-set values, if it has a score.
        gain: Best score minus the hand-set one, in the objective's unit; None without one.
        noise: Standard deviation of the score of the best trial from epoch to epoch, trend removed,
            in the objective's unit; None under four epochs.
        outcomes: How many trials ended in which way.
        epochs_spent: Finished epochs of all trials.
        epochs_saved: Epochs that stopped trials did not have to run.
        audit: What auditing says of the rungs; None where none judged.
        edge_warnings: One sentence per dimension whose best value lies at the edge of its range.
    """

    ranked: tuple[TrialRecord, ...]
    hand_set: TrialRecord | None
    gain: float | None
    noise: float | None
    outcomes: Counter[Outcome]
    epochs_spent: int
    epochs_saved: int
    audit: Audit | None
    edge_warnings: tuple[str, ...]


def summarise(records: Sequence[TrialRecord], dimensions: Sequence[Dimension]) -> StudySummary:
    """Return what the ended trials of one study say; crashed ones keep their scores."""
    ranked = sorted(
        (record for record in records if record.best is not None),
        key=lambda record: record.best_score,
        reverse=True,
    )
    hand_set = next((record for record in ranked if record.spec.proposed_by == "hand_set"), None)
    gain = None if hand_set is None else ranked[0].best_score - hand_set.best_score
    return StudySummary(
        ranked=tuple(ranked),
        hand_set=hand_set,
        gain=gain,
        noise=epoch_noise(ranked[0].scores) if ranked else None,
        outcomes=Counter(record.outcome for record in records if record.outcome is not None),
        epochs_spent=sum(len(record.epochs) for record in records),
        epochs_saved=sum(
            record.spec.train.epochs - len(record.epochs)
            for record in records
            if record.outcome is Outcome.STOPPED
        ),
        audit=audit_stops(records),
        edge_warnings=tuple(edge_warnings(ranked[0], dimensions)) if ranked else (),
    )


def epoch_noise(scores: Sequence[float]) -> float | None:
    """Return the noise of a learning curve from one epoch to the next, its trend removed.

    Second differences of white noise with standard deviation s have the standard deviation
    s * sqrt(6); a straight trend vanishes in them. Only the later half of the curve counts, where
    a trend is nearly straight.

    Returns:
        The noise in the unit of the scores, or None under four of them.
    """
    later = np.asarray(scores[len(scores) // 2 :] if len(scores) >= 8 else scores)
    if len(later) < 4:
        return None
    return float(np.sqrt(np.mean(np.diff(later, n=2) ** 2) / 6.0))


def edge_warnings(best: TrialRecord, dimensions: Sequence[Dimension]) -> list[str]:
    """Return a sentence for every dimension whose best value is at the edge of its range."""
    found = (find_edge(dim, best.spec.value_of(dim.name)) for dim in dimensions)
    return [edge.words for edge in found if edge is not None]
