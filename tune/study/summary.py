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
        gain_db: Best score minus the hand-set one, in dB; None without one.
        noise_db: Standard deviation of the validation PSNR of the best trial from epoch to epoch,
            trend removed, in dB; None under four epochs.
        outcomes: How many trials ended in which way.
        epochs_spent: Finished epochs of all trials.
        epochs_saved: Epochs that stopped trials did not have to run.
        audit: What auditing says of the rungs; None where none judged.
        edge_warnings: One sentence per dimension whose best value lies at the edge of its range.
    """

    ranked: tuple[TrialRecord, ...]
    hand_set: TrialRecord | None
    gain_db: float | None
    noise_db: float | None
    outcomes: Counter[Outcome]
    epochs_spent: int
    epochs_saved: int
    audit: Audit | None
    edge_warnings: tuple[str, ...]


def summarise(records: Sequence[TrialRecord], dimensions: Sequence[Dimension]) -> StudySummary:
    """Return what the ended trials of one study say; crashed ones keep their scores."""
    ranked = sorted(
        (record for record in records if record.best is not None),
        key=lambda record: record.best_val_psnr_db,
        reverse=True,
    )
    hand_set = next((record for record in ranked if record.spec.proposed_by == "hand_set"), None)
    gain_db = None
    if hand_set is not None:
        gain_db = ranked[0].best_val_psnr_db - hand_set.best_val_psnr_db
    return StudySummary(
        ranked=tuple(ranked),
        hand_set=hand_set,
        gain_db=gain_db,
        noise_db=epoch_noise_db([e.val_psnr_db for e in ranked[0].epochs]) if ranked else None,
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


def epoch_noise_db(scores_db: Sequence[float]) -> float | None:
    """Return the noise of a learning curve from one epoch to the next, its trend removed.

    Second differences of white noise with standard deviation s have the standard deviation
    s * sqrt(6); a straight trend vanishes in them. Only the later half of the curve counts, where
    a trend is nearly straight.

    Returns:
        The noise in dB, or None under four scores.
    """
    later = np.asarray(scores_db[len(scores_db) // 2 :] if len(scores_db) >= 8 else scores_db)
    if len(later) < 4:
        return None
    return float(np.sqrt(np.mean(np.diff(later, n=2) ** 2) / 6.0))


def edge_warnings(best: TrialRecord, dimensions: Sequence[Dimension]) -> list[str]:
    """Return a sentence for every dimension whose best value is at the edge of its range."""
    found = (find_edge(dim, best.spec.value_of(dim.name)) for dim in dimensions)
    return [edge.words for edge in found if edge is not None]
